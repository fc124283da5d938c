#include "lib/rpc/api_error.h"

namespace storpool::rpc {

ApiError ErrorOf(const grpc::Status& status) {
  ApiError error;
  if (error.ParseFromString(status.error_details()) && !error.name().empty()) return error;
  error.Clear();
  error.set_name("internalError");
  error.set_descr(status.error_message());
  error.set_transient(status.error_code() == grpc::StatusCode::UNAVAILABLE);
  return error;
}

}  // namespace storpool::rpc
