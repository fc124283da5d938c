// A read whose blocks are absent in the volume's own lineage, on its way through foreign parents
// (design 9.4). Several ancestors may be asked at once; their answers are used in order, the
// nearest first, and only once the own chain has said which blocks it has no entry for.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/client/block_bits.h"
#include "lib/client/request.h"
#include "lib/wire/messages.h"

namespace storpool::client {

// What one ancestor was asked and has answered.
struct ParentStep {
  Request* request = nullptr;  // out, in the lane of its chain; nullptr once answered
  uint32_t first = 0;          // of the read's blocks, where this one's range begins
  uint32_t count = 0;          // 0: the ancestor ends before all that is looked for
  wire::ReadAnswer answer;
};

struct ParentRead : ListNode<ParentRead> {
  Request* own = nullptr;  // the read: in its lane until its own chain has answered
  bool own_answered = false;
  BlockBits missing;              // absent everywhere so far; means something once own_answered
  std::vector<ParentStep> steps;  // of levels 1, 2, ... as far as they have been asked
  size_t used = 0;                // so many answers have been used

  void Reset() {
    own = nullptr;
    own_answered = false;
    missing = BlockBits();
    steps.clear();
    used = 0;
  }
};

}  // namespace storpool::client
