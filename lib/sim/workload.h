// What the simulated client does with its volume: a seeded load on a few small areas, so that
// states collide, with several requests under way, and the check of everything that is read
// (design 5.10, I4).
//
// Invariant: every sector carries the stamp of the write that made it, so a lost, old, torn or
// misplaced one is told from what may be there (sector_history.h). The first violation is kept.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/random.h"
#include "lib/block/block_device.h"
#include "lib/env/reactor.h"
#include "lib/sim/processes.h"
#include "lib/sim/sector_history.h"
#include "lib/sim/world.h"
#include "lib/sim/write_log.h"

namespace storpool::sim {

struct WorkloadOptions {
  uint64_t volume_bytes = 0;
  int requests_under_way = 8;
  bool may_lose_reads = false;  // damage that mirrors cannot heal: a read may fail, never lie
  Duration pause_max = Duration::Millis(60);  // of each of them, between two requests
};

struct WorkloadCounts {
  uint64_t begun = 0, ended = 0, failed = 0, dropped = 0;
  uint64_t reads = 0, writes = 0, trims = 0;
  uint64_t sessions = 0;
  uint64_t bytes_written = 0;
  Duration longest;  // from start to end of one request
};

class Workload final : public ClientUser {
 public:
  struct Range {
    uint64_t offset_bytes, size_bytes;
  };

  // `clock`: of the events of all volumes whose snapshots are to be of one moment.
  Workload(World& world, const WorkloadOptions& options, EventOrder& clock);
  ~Workload() override;

  // Before its first use: what the volume holds, and the first stamp of its writes.
  void BeginWith(const WriteLog::Picture& held, uint64_t first_stamp);
  // New requests are made only while it runs.
  void Run(bool run);
  // Also while it does not run, as soon as the volume is there: reads every place that was written.
  void ReadEverything();
  // What the last ReadEverything saw. Not all of it, if a read failed or its session ended.
  const WriteLog::Picture& whole() const { return whole_; }
  bool has_whole() const;
  // Nothing is under way nor waiting.
  bool idle() const { return ops_.empty() && to_read_.empty(); }
  // The volume can be used.
  bool attached() const { return volume_ != nullptr; }
  const WorkloadCounts& counts() const { return counts_; }
  // The first thing that was wrong.
  const absl::Status& verdict() const { return verdict_; }
  // Requests under way, for people.
  std::string Describe() const;

  // Every place that may be written.
  const std::vector<Range>& areas() const { return areas_; }
  WriteLog& log() { return log_; }

  void OnVolume(client::Volume& volume, env::Reactor& reactor) override;
  void OnDetach() override { detaching_ = true; }
  void OnVolumeGone() override;

 private:
  struct Op;
  struct Lane;  // one request after the other
  void Next(Lane& lane);
  void Choose(Op& op);
  Range ChooseRange(bool whole_blocks);
  void Begin(std::unique_ptr<Op> op);
  void OnEnd(Op* op, const absl::Status& status);
  void Check(const Op& op);
  void Fail(const absl::Status& status);

  World& world_;
  const WorkloadOptions options_;
  Random random_;
  SectorHistory history_;
  WriteLog log_;
  uint64_t next_stamp_ = 1;
  bool running_ = false;
  bool detaching_ = false;
  client::Volume* volume_ = nullptr;
  std::vector<std::unique_ptr<Lane>> lanes_;     // while there is a volume
  std::map<uint64_t, std::unique_ptr<Op>> ops_;  // by number
  std::vector<Range> areas_;
  std::vector<Range> to_read_;
  WriteLog::Picture whole_;
  WorkloadCounts counts_;
  absl::Status verdict_;
};

}  // namespace storpool::sim
