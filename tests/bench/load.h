// The load generator: keeps a number of random requests under way on a block device and measures
// them. Every block's content is known, so every read is checked.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/buffer.h"
#include "lib/base/random.h"
#include "lib/block/block_device.h"
#include "lib/env/clock.h"
#include "tests/bench/latencies.h"

namespace storpool::bench {

// What was written where: a store of random blocks made once, so that the run itself makes nothing,
// and for each block of the device the one that it holds.
class Content {
 public:
  Content(BufferPool& pool, uint64_t device_bytes, uint64_t seed);

  // A slice of random content for blocks [first, first + count), noted as theirs.
  Buffer Write(uint64_t first_block, uint32_t count, Random& random);
  // Whether these bytes are what the blocks from `first_block` on hold.
  bool Matches(uint64_t first_block, std::span<const uint8_t> bytes) const;

 private:
  static constexpr uint32_t kStoreBlocks = 4096;
  Buffer store_;
  std::vector<uint16_t> held_;  // by block of the device: index in store_
};

struct LoadOptions {
  bool read = false;
  bool sequential = false;  // once over the whole device: the prefill
  uint32_t block_bytes = 4096;
  uint32_t depth = 1;
  uint64_t seed = 1;
};

class Load {
 public:
  // All outlive the load. Nothing else uses the device's content meanwhile.
  Load(block::BlockDevice& device, const env::Clock& clock, Content& content,
       const LoadOptions& options);
  ~Load();

  void Start();
  // Nothing new is started; done() once all under way has ended.
  void Stop() { stopping_ = true; }
  // Latencies of requests that began and ended while measuring count.
  void SetMeasuring(bool measuring) { measuring_ = measuring; }
  bool done() const { return under_way_ == 0; }
  // The first error or difference; the load stops by itself then.
  const absl::Status& status() const { return status_; }
  Latencies& latencies() { return latencies_; }

 private:
  class Io;
  bool Choose(uint64_t& block);
  void Next(Io& io);
  void Done(Io& io, const absl::Status& status);

  block::BlockDevice& device_;
  const env::Clock& clock_;
  Content& content_;
  const LoadOptions options_;
  const uint32_t blocks_;  // of one request
  const uint64_t places_;  // on the device
  std::vector<std::unique_ptr<Io>> ios_;
  Random random_;
  uint64_t next_place_ = 0;  // sequential
  uint32_t under_way_ = 0;
  bool stopping_ = false;
  bool measuring_ = false;
  absl::Status status_;
  Latencies latencies_;
};

}  // namespace storpool::bench
