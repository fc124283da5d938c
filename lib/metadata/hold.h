// One hold of one or several sessions (design 9.3): who holds, who went on in time. Volatile: after
// a change of leader a hold begins anew.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "lib/base/types.h"

namespace storpool::metadata {

struct HeldSession {
  uint32_t client = 0;
  uint32_t generation = 0;
  uint32_t layer = 0;     // that it is to write from the release on
  bool held = false;      // its writes have ended
  bool answered = false;  // how its hold ended is known
  bool in_time = false;   // by the release
  bool drained = false;   // it has no request out to an older layer
  Duration pause;         // for so long its new writes waited
};

struct Hold {
  Instant since;
  std::optional<Instant> sent;
  std::optional<Instant> released;
  bool closing = false;                             // what ends it is in the log
  std::string doomed;                               // why it is to be given up
  std::map<uint64_t, HeldSession> sessions;         // by volume
  std::set<std::pair<uint64_t, uint32_t>> renewed;  // volume, generation: these count per volume

  template <class Condition>
  bool All(Condition condition) const {
    return std::all_of(sessions.begin(), sessions.end(),
                       [&](const auto& entry) { return condition(entry.second); });
  }
};

}  // namespace storpool::metadata
