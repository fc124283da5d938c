// Makes a volume of a snapshot that is known, uses it, and changes what it grows from: promotion in
// the background, snapshots of its own, a move to another template, revert to what it came from or
// to one of its own; at last deletion, or freezing, and then the next one is made of what was
// frozen. All chosen by the seed (design 9.4, 9.5, 6.11).
//
// What must hold, and is checked: a clone holds what its snapshot held; whatever happens below it,
// every read returns what was written to it or what it began with; a command that was refused has
// changed nothing.
// Invariant: it acts only between turns of the world (Act), and never waits: metadata, nodes and
// clients may die meanwhile. One clone at a time. The first violation is kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/random.h"
#include "lib/sim/api_call.h"
#include "lib/sim/processes.h"
#include "lib/sim/snapshot_load.h"
#include "lib/sim/workload.h"
#include "lib/sim/write_log.h"

namespace storpool::sim {

struct CloneCounts {
  uint64_t made = 0;
  uint64_t promoted = 0;   // asked for
  uint64_t moved = 0;      // to another template
  uint64_t snapshots = 0;  // of a clone
  uint64_t reverted = 0;
  uint64_t frozen = 0;
  uint64_t deleted = 0;
  uint64_t read_whole = 0;  // times that all of a clone was read and compared
  uint64_t refused = 0;     // commands that were refused, and asked again or left
};

class CloneLoad {
 public:
  // `client`: where clones are attached; it has UserOf() for them. `templates`: that a clone may
  // have. All outlive it.
  CloneLoad(Site& site, SimMetadata& metadata, SnapshotLoad& snapshots, ClientId client,
            const WorkloadOptions& options, std::vector<std::string> templates, EventOrder& clock);

  // nullptr: not a clone of this load.
  ClientUser* UserOf(const std::string& volume);
  // New clones are made only while it runs. What is there then is read whole once more, and stays.
  void Run(bool run) { running_ = run; }
  // To be called between turns, every few milliseconds.
  void Act();
  // It does not run, and the last one was read whole.
  bool idle() const { return !running_ && (step_ == Step::kNone || step_ == Step::kRest); }

  const CloneCounts& counts() const { return counts_; }
  absl::Status verdict() const;
  std::string Describe() const;  // for people

 private:
  enum class Step {
    kNone,    // there is no clone
    kCreate,  // of a snapshot
    kAttach,
    kWork,      // under load, until work_until_
    kDrain,     // the last requests end
    kRead,      // all of it
    kRest,      // read whole; nothing is asked any more
    kSnapshot,  // of the clone itself
    kDetach,
    kChange,  // revert or move
    kForget,  // its snapshots are deleted
    kDelete,
    kFreeze,  // it becomes a snapshot
  };
  // A command is repeated until its effect is seen, or given up after so many refusals.
  struct Order {
    std::function<std::shared_ptr<ApiAnswer>()> ask;
    std::function<bool()> reached;
    Step then = Step::kNone;
    Step if_refused = Step::kNone;
    int tries = 0;  // that are left; a lost answer is none
    std::shared_ptr<ApiAnswer> answer;
    Instant next;
  };
  using Known = SnapshotLoad::Known;

  template <class Request>
  void Begin(Step step, const Request& request, std::function<bool()> reached, Step then,
             Step if_refused, int tries);
  void FollowOrder();
  void Enter(Step step);
  void Next();  // something to do with a clone that was read whole
  void Create();
  void Attach();
  void Detach();
  void Snapshot();
  void Revert();
  void Move();
  void Forget();
  void Delete();
  void Freeze();
  void Promote();
  void NewWorkload(const WriteLog::Picture& picture);
  const Volume* FindClone() const;
  bool IsAttached() const;
  void Fail(const absl::Status& status);

  Site& site_;
  SimMetadata& metadata_;
  SnapshotLoad& snapshots_;
  const ClientId client_;
  const WorkloadOptions options_;
  const std::vector<std::string> templates_;
  EventOrder& clock_;
  Random random_;
  bool running_ = false;
  Step step_ = Step::kNone;
  Instant next_;
  Instant work_until_;
  uint64_t number_ = 0;  // of the clone
  uint64_t fork_ = 0;    // of the histories of clones
  int rounds_ = 0;       // of work that are left for this one
  int readings_ = 0;     // of this round
  std::string name_;
  Known origin_;
  std::vector<Known> own_;
  std::optional<Known> frozen_;  // of which the next clone is made
  Order order_;
  WriteLog::Picture reverted_to_;
  std::unique_ptr<Workload> load_;
  CloneCounts counts_;
  absl::Status verdict_;
};

}  // namespace storpool::sim
