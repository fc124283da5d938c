// Blocks on their way from foreign parents into the volume's own lineage (design 9.4): they are
// read through the ancestors, then written by fills, which take effect only where the lineage has
// no entry. For a small write that its head could not complete, or as a piece of a promotion.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "lib/base/buffer.h"
#include "lib/client/block_bits.h"
#include "lib/client/request.h"

namespace storpool::client {

class FillPieceEvents {
 public:
  virtual ~FillPieceEvents() = default;
  // All of the piece is in the lineage, or why not. Not from within the call that began it.
  virtual void OnFilled(const absl::Status& status) = 0;
};

struct BaseFill : ListNode<BaseFill> {
  Request* write = nullptr;          // the small write that waits for it; or
  FillPieceEvents* owner = nullptr;  // whose piece it is
  bool holes = false;                // also where no ancestor has data, as zeroes
  Part part;                         // whole blocks
  BlockBits absent;                  // without an entry here, but with one in an ancestor
  BlockBits data;                    // of these, where an ancestor has data
  Buffer payload;                    // of the whole part
  uint32_t requests_left = 0;
  absl::Status status;

  void Reset() {
    write = nullptr;
    owner = nullptr;
    holes = false;
    absent = data = BlockBits();
    payload = Buffer();
    requests_left = 0;
    status = absl::OkStatus();
  }
};

}  // namespace storpool::client
