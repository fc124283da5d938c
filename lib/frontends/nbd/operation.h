// One request of a client while the device works on it.
#pragma once

#include "lib/block/block_device.h"
#include "lib/frontends/nbd/session.h"

namespace storpool::nbd {

class Session::Operation final : public block::BlockIo {
 public:
  explicit Operation(Session& session) : session_(session) {}

  // Makes room for what the request carries or brings; StartOn follows when a payload is here.
  void Prepare(const Request& asked, BufferPool& pool);
  void StartOn(block::BlockDevice& device);
  // Zeroes without a hole are written piece by piece: starts the next one, if there is one.
  bool StartNextPiece(block::BlockDevice& device);
  // Lets go of all memory.
  void Clear();

  void OnDone(const absl::Status& status) override { session_.OnOperationDone(this, status); }

  // Bytes of memory that the request takes here.
  static uint64_t CostBytes(const Request& request);

  const Request& request() const { return request_; }
  const Buffer& data() const { return memory_; }

 private:
  Session& session_;
  Request request_;
  // kRead: what was read. kBlockStatus: the extents. Zeroes without a hole: the zeroes.
  Buffer memory_;
  uint64_t zeroes_left_bytes_ = 0;
};

}  // namespace storpool::nbd
