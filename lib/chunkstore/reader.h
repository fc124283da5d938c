// Reads of blocks: finds them in index, pending sets and batches under way, fetches the rest from
// the device and verifies every byte against the index (design 4.12).
//
// Always holds: no unverified block is handed out; a segment that is being read is not used again;
// in steady state nothing is allocated.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/chunkstore/store_state.h"
#include "lib/chunkstore/stream_writer.h"
#include "lib/env/device.h"

namespace storpool::chunkstore {

class Reader {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    // Call Complete in a later phase.
    virtual void OnReadsReady() = 0;
    virtual void OnDeviceFailed(const absl::Status& status) = 0;
  };

  Reader(env::Device& device, SegmentTable& segments, StoreState& state, const StreamWriter& log,
         Host& host)
      : device_(device), segments_(segments), state_(state), log_(log), host_(host) {}

  void Read(ReadOp* op);
  // Ends what needed no device.
  void Complete();
  // All reads from now on end with this error.
  void Fail(const absl::Status& status) { failure_ = status; }
  bool idle() const { return under_way_ == 0; }

 private:
  // What one block is, and where.
  struct Found {
    BlockResult result;
    uint64_t location = 0;
  };
  struct Job;
  // One device read of blocks that lie side by side.
  struct Run : env::DeviceIo {
    void OnDone(const absl::Status& status) override { reader->OnRunDone(this, status); }
    Reader* reader = nullptr;
    Job* job = nullptr;
    uint32_t first = 0;  // of op->results
    uint32_t count = 0;
    uint64_t location = 0;
    env::IoSlice slice;
  };
  struct Job {
    ReadOp* op = nullptr;
    uint32_t runs = 0;
    absl::Status status;
  };

  Found Locate(const ReadOp& op, const Index::Chunk* chunk, uint32_t block, bool has_floor) const;
  void FindPending(const ReadOp& op, const Index::Chunk& chunk, uint32_t block,
                   model::LayerSearch* search, Found* found) const;
  void AddToRun(Job* job, Run** run, uint32_t i, uint64_t location);
  void OnRunDone(Run* run, const absl::Status& status);
  void Verify(const Run& run);
  void End(Job* job);

  env::Device& device_;
  SegmentTable& segments_;
  StoreState& state_;
  const StreamWriter& log_;
  Host& host_;
  absl::Status failure_;
  uint64_t under_way_ = 0;
  std::vector<std::unique_ptr<Run>> runs_;
  std::vector<Run*> spare_runs_;
  std::vector<Run*> growing_;  // of the read being located; empty between calls
  std::vector<std::unique_ptr<Job>> jobs_;
  std::vector<Job*> spare_jobs_;
  std::vector<Job*> ready_;
  std::vector<Job*> completing_;
};

}  // namespace storpool::chunkstore
