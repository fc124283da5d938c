// Which nodes count as gone (design 6.7, hazards 4.10, 4.11): a pure object fed with what was heard
// and with the time.
//
// Rules: silence for the ejection time, if besides a neighbour complains or the link is down; twice
// that time without such a witness; a reset that was followed by a refusal at once. Nobody is
// ejected for silence in the first ejection time after start, nor after this process itself stood
// still; when more than a third of the nodes fall silent together, it waits three times as long. A
// refusal is evidence at any age of this process, of a node that it has heard: one that it has not
// may just be starting.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "lib/base/types.h"

namespace storpool::metadata {

class Detection {
 public:
  explicit Detection(Duration ejection) : ejection_(ejection) {}

  void Start(Instant now);
  void Heard(uint32_t node, Instant now);
  void LinkDown(uint32_t node, bool refused);
  // Another node says that this one does not answer it.
  void Suspected(uint32_t node, Instant now);

  // The nodes of `up` that are gone now. Called every tick, with the time of the tick.
  std::vector<uint32_t> Tick(const std::set<uint32_t>& up, Instant now);

 private:
  struct Facts {
    Instant heard;
    Instant suspected;
    bool met = false;  // heard since this process began
    bool link_down = true;
    bool refused = false;
  };
  Facts& Of(uint32_t node);
  bool Witnessed(const Facts& facts, Instant now) const;

  const Duration ejection_;
  Instant started_;
  Instant last_tick_;
  std::map<uint32_t, Facts> nodes_;
};

}  // namespace storpool::metadata
