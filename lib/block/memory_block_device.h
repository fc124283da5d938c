// A volume in memory: thin, with holes, for tests, the simulator and trying out a front end.
//
// Requests take effect in the order in which they were started, in a later turn. A block (4 KiB)
// that was never written, or was trimmed or zeroed as a whole, is a hole and takes no memory.
#pragma once

#include <array>
#include <map>
#include <memory>

#include "lib/base/limits.h"
#include "lib/block/block_device.h"
#include "lib/block/io_queue.h"
#include "lib/env/reactor.h"

namespace storpool::block {

class MemoryBlockDevice final : public BlockDevice {
 public:
  MemoryBlockDevice(env::Reactor& reactor, BlockDeviceInfo info);

  BlockDeviceInfo info() const override { return info_; }
  // Errors: kPermissionDenied (a change while read-only), kOutOfRange (the device has shrunk).
  void Start(BlockIo* io) override;
  BufferPool& pool() override { return pool_; }

  // What is beyond the new size is gone, also after growing again. A multiple of kSectorBytes.
  void Resize(uint64_t size_bytes);
  uint64_t stored_bytes() const { return blocks_.size() * kBlockBytes; }

 private:
  using Block = std::array<uint8_t, kBlockBytes>;

  void RunQueued();
  absl::Status Perform(BlockIo& io);
  void Read(uint64_t offset_bytes, std::span<uint8_t> target) const;
  void Write(uint64_t offset_bytes, std::span<const uint8_t> bytes);
  void Zero(uint64_t offset_bytes, uint64_t size_bytes);
  void Status(BlockIo& io) const;
  Block& BlockForWrite(uint64_t index);

  env::Reactor& reactor_;
  BlockDeviceInfo info_;
  BufferPool pool_;
  std::map<uint64_t, std::unique_ptr<Block>> blocks_;
  IoQueue queued_;
};

}  // namespace storpool::block
