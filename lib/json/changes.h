// What surrounds every answer: the envelope with the cluster's generation, errors with StorPool's
// names, and the answer to a change.
#pragma once

#include <cstdint>
#include <string>

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

// {"generation": N, "data": ...}
Json Envelope(uint64_t generation, Json data);
// {"error": {"name": ..., "descr": ..., "transient": ...}}
Json JsonOf(const ApiError& error);
// {"ok": true, "generation": N}, and info if there is any.
Json JsonOfChange(uint64_t generation, const std::string& info);

}  // namespace storpool::json
