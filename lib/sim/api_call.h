// A question to the API of metadata as people and tools ask it, and what becomes of the answer when
// metadata dies meanwhile.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "lib/sim/processes.h"
#include "lib/sim/write_log.h"

namespace storpool::sim {

// What the API says to one question; never, if its metadata dies first.
struct ApiAnswer {
  uint64_t life = 0;
  bool came = false;
  absl::Status status;
  EventOrder at = 0;

  bool IsLost(const SimMetadata& metadata) const {
    return !came && (!metadata.running() || metadata.life() != life);
  }
};

// Metadata must run. `clock` outlives the answer.
template <class Request>
std::shared_ptr<ApiAnswer> AskApi(SimMetadata& metadata, EventOrder& clock,
                                  const Request& request) {
  auto answer = std::make_shared<ApiAnswer>();
  answer->life = metadata.life();
  metadata.admin().Call(request, [answer, &clock](const auto& result) {
    answer->came = true;
    answer->status = result.status();
    answer->at = ++clock;
  });
  return answer;
}

}  // namespace storpool::sim
