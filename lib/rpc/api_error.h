// The error of an admin command as it travels in a gRPC status: StorPool's name, a sentence,
// whether it may pass by itself.
#pragma once

#include <grpcpp/support/status.h>

#include "proto/admin.pb.h"

namespace storpool::rpc {

// The ApiError in the details, or one made from the code for a status from elsewhere.
ApiError ErrorOf(const grpc::Status& status);

}  // namespace storpool::rpc
