// The cluster as a whole and its services as JSON.
#pragma once

#include <string>

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

Json JsonOf(const StatusAnswer& status);
Json JsonOf(const Service& service);

// A uuid as people write it.
std::string UuidText(const std::string& bytes);

}  // namespace storpool::json
