// Takes snapshots of volumes under load, through the API as daemons do, reads them again and again
// and deletes some: all chosen by the seed (design 9.3).
//
// What must hold, and is checked: a snapshot that was answered is there, and one that was refused
// is not; it holds what its volumes held at one moment between the question and the answer (of a
// group: one moment for all), with all that was acknowledged by then; and it is the same whenever
// it is read.
// Invariant: it acts only between turns of the world (Act), and never waits: metadata, nodes and
// clients may die meanwhile. The first violation is kept.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/random.h"
#include "lib/sim/api_call.h"
#include "lib/sim/processes.h"
#include "lib/sim/snapshot_reader.h"
#include "lib/sim/workload.h"
#include "lib/sim/write_log.h"

namespace storpool::sim {

struct SnapshotCounts {
  uint64_t asked = 0;
  uint64_t made = 0;
  uint64_t refused = 0;   // as busy, with a sentence
  uint64_t unknown = 0;   // their metadata died before it answered
  uint64_t checked = 0;   // readings of all of a snapshot that were compared
  uint64_t repeated = 0;  // of these, with an earlier reading
  uint64_t written = 0;   // sectors that held a write when first read
  uint64_t deleted = 0;
  uint64_t deleted_in_resync = 0;  // while a member of some chain did not serve
};

class SnapshotLoad {
 public:
  struct Source {
    std::string volume;
    Workload* load;
  };

  // `client`: has `reader()` for its volumes. All outlive it.
  SnapshotLoad(Site& site, SimMetadata& metadata, std::vector<Source> sources, ClientId client,
               EventOrder& clock);

  SnapshotReader& reader() { return reader_; }
  // Takes and deletes snapshots at random while it runs.
  void Run(bool run);
  // One snapshot of all volumes now; metadata must run.
  void Ask();
  // Every snapshot that is there is to be read once more.
  void CheckAll();
  // A random one that is there and was read, with what it holds.
  struct Known {
    std::string name;
    WriteLog::Picture picture;
  };
  std::optional<Known> PickKnown(Random& random) const;
  // To be called between turns, every few milliseconds.
  void Act();

  // The last one that was asked has an answer, or will never have one.
  bool answered() const;
  // Nothing is under way nor waiting to be checked.
  bool idle() const;
  const SnapshotCounts& counts() const { return counts_; }
  const absl::Status& verdict() const { return verdict_; }
  std::string Describe() const;  // for people

 private:
  struct One {  // of a group
    std::string name;
    size_t source = 0;
    bool known = false;  // it was read
    WriteLog::Picture picture;
  };
  struct Taken {
    std::vector<One> ones;
    EventOrder asked = 0, there = 0;
    std::shared_ptr<ApiAnswer> create;  // until it is known how it ended
    std::shared_ptr<ApiAnswer> remove;
    Instant patience;  // until an unknown one is taken for refused
    bool is_there = false;
    size_t removed = 0;  // of ones
  };
  struct Check {
    Taken* taken = nullptr;
    size_t one = 0;
    bool read = false;  // now it is to be detached
    std::shared_ptr<ApiAnswer> attach, detach;
    Instant retry;
  };

  bool IsThere(const One& one) const;
  bool SomeMemberIsAway() const;
  void FollowCreate(Taken& taken);
  void FollowRemove(Taken& taken);
  void Remove();
  void FollowCheck();
  void NextCheck();
  void Compare(Taken& taken, One& one);
  void Fail(const absl::Status& status);

  Site& site_;
  SimMetadata& metadata_;
  const std::vector<Source> sources_;
  const ClientId client_;
  EventOrder& clock_;
  Random random_;
  SnapshotReader reader_;
  bool running_ = false;
  Instant next_;  // question or deletion, while it runs
  uint64_t number_ = 0;
  std::deque<Taken> taken_;
  Check check_;
  std::deque<std::pair<Taken*, size_t>> to_check_;
  SnapshotCounts counts_;
  absl::Status verdict_;
};

}  // namespace storpool::sim
