// The metadata service that leads: it listens to nodes and clients, decides by clock, appends
// commands to the log, and tells what was applied (design 6, 8).
//
// Invariants: nothing is told to anyone before it is in the log; every decision is level-triggered
// (wanted against actual, again after each change and each tick), so a lost message only delays;
// the state is changed by State::Apply alone. Reactor thread only; callbacks never run from within
// the call that asked for them.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/control/link.h"
#include "lib/env/key_value.h"
#include "lib/env/log_sink.h"
#include "lib/env/reactor.h"
#include "lib/env/replicated_log.h"
#include "lib/metadata/caller.h"
#include "lib/metadata/detection.h"
#include "lib/metadata/fence_progress.h"
#include "lib/metadata/hold.h"
#include "lib/metadata/line_progress.h"
#include "lib/metadata/live_view.h"
#include "lib/metadata/naming.h"
#include "lib/metadata/sections.h"
#include "lib/metadata/state.h"

namespace storpool::metadata {

struct Options {
  Duration heartbeat = Duration::Millis(kHeartbeatMs);
  Duration ejection = Duration::Millis(kEjectionMs);
  Duration rebuild_delay = Duration::Millis(kRebuildDelayMs);
  Duration tick = Duration::Millis(250);
  // A chain that was not opened is named again after this, then after twice as long, and so on.
  Duration name_retry = Duration::Millis(2000);
  Duration name_retry_max = Duration::Millis(30000);
  // How long a chain whose members all restarted waits for the last of them (hazard 4.17).
  Duration settle = Duration::Millis(3000);
  // A fence that some chain has not answered names that chain again after this (S2).
  Duration fence_wait = Duration::Millis(1000);
  // How long a client holds its writes for a snapshot at most (9.3), and how long making one may
  // take, with the fences and lines that come before.
  Duration hold_time = Duration::Millis(2000);
  Duration snapshot_time = Duration::Millis(15000);
  Duration space_time = Duration::Millis(10000);  // for nodes to count what layers hold
  uint64_t term = 1;                              // of this leader; higher than that of any before
};

class Leader : public control::PeerHandler {
 public:
  // Nothing expires for so long after a start or a jump of the wall clock: it may be wrong until
  // something has set it (hazard 9.5).
  static constexpr Duration kExpiryPause = Duration::Seconds(600);

  using Done = absl::AnyInvocable<void(absl::StatusOr<CommandResult>)>;
  using Condition = absl::AnyInvocable<bool(const State&, const LiveView&)>;

  Leader(env::Reactor& reactor, env::KeyValueStore& store, env::ReplicatedLog& log,
         env::LogSink& sink, Options options = {});
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;
  ~Leader() override;

  // Loads the state and begins to follow the log. Once.
  absl::Status Start();

  // Appends a command; `done` comes when it was applied here, with its result or its error.
  // kFailedPrecondition before the cluster is initialised (except for init itself).
  void Propose(Command command, Done done);
  // Calls `done` with OK as soon as the condition holds (asked after every change), or with
  // kDeadlineExceeded, or with kCancelled once `caller` is seen to have gone. A timeout of 0 waits
  // for ever.
  void WaitUntil(Condition condition, Duration timeout, absl::AnyInvocable<void(absl::Status)> done,
                 Caller caller = {});

  // What each layer (lineage, layer) of these lineages holds, counted by the nodes now.
  struct Space {
    std::map<State::Pair, LayerSpace> layers;
    std::string missing;  // why something is not counted; empty: all is
  };
  // Answers kCancelled once `caller` is seen to have gone.
  using SpaceDone = absl::AnyInvocable<void(absl::StatusOr<Space>)>;
  void AskSpace(const std::set<uint64_t>& lineages, SpaceDone done, Caller caller = {});

  const State& state() const { return state_; }
  const LiveView& live() const { return live_; }
  const LineProgress& lines() const { return lines_; }
  const FenceProgress& fences() const { return fence_progress_; }

  void OnPeer(control::Peer* peer) override;
  void OnPeerMessage(control::Peer* peer, const ToMetadata& message) override;
  void OnPeerGone(control::Peer* peer, bool refused) override;

 private:
  enum class Kind { kUnknown, kNode, kClient };
  struct PeerState {
    control::Peer* link = nullptr;
    Kind kind = Kind::kUnknown;
    uint32_t id = 0;
    uint64_t process = 0;
    bool registered = false;  // Registered was sent
    Register hello;           // until then: what it is being taken in with
    Subscriptions sections;

    bool Is(Kind wanted, uint32_t wanted_id) const {
      return registered && kind == wanted && id == wanted_id;
    }
  };
  struct Wait {
    Condition condition;
    Instant deadline;
    absl::AnyInvocable<void(absl::Status)> done;
    Caller caller;
  };

  // leader.cc
  void OnLogEntry(const env::ReplicatedLog::LogEntry& entry);
  void TellOf(const Outcome& outcome);
  void Changed();  // something may have to be decided, told or finished: once a turn
  void Settle();
  void CheckWaits();
  void Tick();
  void EjectGone(Instant now);
  void AddAlarm(const std::string& from, const std::string& text);
  absl::Status CheckDown(const ForgetService& forget) const;
  absl::Status CheckLive(const Command& command) const;
  absl::Status CheckCanLeave(const std::string& name,
                             const std::function<bool(const Attachment&)>& leaves) const;

  // registration.cc
  void OnRegister(const std::shared_ptr<PeerState>& peer, const Register& message);
  absl::Status CheckRegister(const Register& message) const;
  void Refuse(PeerState& peer, const absl::Status& why);
  absl::Status CheckAlone(const PeerState& peer) const;
  void Welcome(PeerState& peer);
  void WelcomeNode(const PeerState& peer);
  void WelcomeClient(const PeerState& peer);
  std::shared_ptr<PeerState> StateOf(control::Peer* link) const;
  void Remove(control::Peer* link);
  void CloseOther(Kind kind, uint32_t id, const PeerState* except);
  PeerState* FindPeer(Kind kind, uint32_t id);
  bool OwnsDisk(const PeerState& peer, uint32_t disk) const;
  std::string NameOf(const PeerState& peer) const;

  // peer_messages.cc
  void OnNodeMessage(PeerState& peer, const ToMetadata& message);
  void Handle(PeerState& peer, const Heartbeat& message);
  void Handle(PeerState& peer, const OpenReady& message);
  void Handle(PeerState& peer, const LevelFailed& message);
  void Handle(PeerState& peer, const Promotable& message);
  void Handle(PeerState& peer, const Raised& message);
  void Handle(PeerState& peer, const Subscribe& message);
  void Handle(PeerState& peer, const LinesHere& message);
  void Handle(PeerState& peer, const Dropped& message);
  void Handle(PeerState& peer, const DiskFailed& message);
  void Handle(PeerState& peer, const AttachmentReady& message);
  void Handle(PeerState& peer, const MemberBases& message);
  void OnClientMessage(PeerState& peer, const ToMetadata& message);

  // line_orders.cc
  void OrderLines(const std::set<uint64_t>& lineages);
  std::set<uint64_t> LinesWithWork() const;
  void Handle(PeerState& peer, const LinesKept& message);
  void Retire(uint64_t lineage);

  // snapshots.cc
  void DecideSnapshots();
  void StepOperation(const OperationRecord& operation, Instant now);
  bool MayHold(const OperationRecord& operation, Hold& hold);
  void Renew(const Attachment& a, Hold& hold);
  void Seal(uint64_t operation, Hold& hold);
  void GiveUp(uint64_t operation, Hold& hold);
  void StepMove(uint64_t volume, uint32_t client, Instant now);
  void SendHold(uint64_t id, const Hold& hold, uint32_t only_client);
  void SendRelease(uint64_t id, const Hold& hold);
  void SendOver(uint64_t id, const Hold& hold);
  void ResendHolds(uint32_t client);
  HeldSession* FindHeld(uint64_t id, uint64_t volume, uint32_t client, uint32_t generation);
  void Handle(PeerState& peer, const SnapshotHeld& message);
  void Handle(PeerState& peer, const SnapshotReleased& message);

  // fills.cc
  uint32_t ClientForFill() const;
  void DecideFills();
  void ChangeFill(const FillRecord& fill, uint32_t client, uint32_t generation, uint32_t next,
                  bool done);
  void SendFill(const FillRecord& fill);
  void TakeFillReport(uint32_t client, const FillReport& message);
  void StopFill(uint64_t lineage, uint32_t client, uint32_t generation);
  void Handle(PeerState& peer, const FillReport& message);
  void Handle(PeerState& peer, const SpaceAnswer& message);
  void FinishQuestions();

  // deciding.cc
  void Decide();
  void DecideMembers();
  void DecideFences(ChangeMembers& change);
  void DecideEnding(ChangeMembers& change);
  bool NameAgain(uint32_t chain, const LiveMembers& live, ChangeMembers& change) const;
  void DecideOpens();
  LiveMembers MembersNow(const ChangeMembers& change) const;
  void WatchDisks(Instant now);
  void DeleteExpiredSnapshots(Instant now);

  // relocating.cc
  void DecideDesired(LiveMembers& live, ChangeMembers& change);
  bool MustPlan(const std::set<uint32_t>& gone);
  void Plan(const std::set<uint32_t>& gone, const LiveMembers& live, ChangeMembers& change);

  // telling.cc
  void SendNames(const std::set<uint32_t>& chains);
  void SendOpened(const std::set<uint32_t>& chains);
  void SendRaise(const FenceRecord& fence);
  void SendDrops(const std::set<uint32_t>& disks);
  void SendEndedSession(const FenceRecord& fence);
  void SendHorizons();
  void ForgetBasesOfOthers(uint32_t chain);
  void PushSections();

  env::Reactor& reactor_;
  env::ReplicatedLog& log_;
  env::LogSink& sink_;
  const Options options_;
  State state_;
  LiveView live_;
  Detection detection_;
  NamingMemory naming_;
  FenceProgress fence_progress_;
  std::map<uint64_t, std::shared_ptr<PeerState>> peers_;  // in order of arrival
  std::map<control::Peer*, uint64_t> arrivals_;           // for lookup only
  struct Waiting {
    uint64_t process = 0;
    Instant since;
  };
  std::map<std::pair<Kind, uint32_t>, Waiting> refused_;  // as busy, newest process of each id
  uint64_t next_arrival_ = 1;
  std::map<uint64_t, absl::StatusOr<CommandResult>> results_;  // by proposal, until Append's done
  std::set<uint64_t> mine_;                                    // proposals without a result
  uint64_t next_proposal_;
  bool deciding_ = false;  // a change of members is in the log, not yet applied
  bool opening_ = false;   // the same for OpenChains
  bool settle_posted_ = false;
  bool restoring_ = false;      // as the last settling found it
  std::set<std::string> news_;  // sections with a new version
  bool bases_changed_ = false;
  std::set<uint32_t> ejected_;                    // nodes that are to go down with the next command
  std::map<uint32_t, std::string> failed_disks_;  // that are to go out, and why
  std::map<uint32_t, OpenChains::One> ready_;     // chains that can open
  std::set<uint32_t> ending_;     // whose epoch has hardly a version left: they are named again
  std::set<uint64_t> finishing_;  // fences whose FenceDone is in the log
  std::map<uint32_t, Instant> down_since_;  // disks, as this leader saw it
  LineProgress lines_;
  std::set<uint64_t> lines_changed_;  // that nodes may have to be told of
  bool all_lines_changed_ = false;    // or the nodes that have to be told
  std::set<uint64_t> retiring_;       // lineages with a RetireLayers in the log
  std::map<uint64_t, Hold> holds_;    // by operation
  std::map<uint64_t, Hold> moves_;    // of one session each
  uint64_t next_move_ = 1;
  std::map<uint64_t, std::pair<uint32_t, uint32_t>> fill_orders_;  // lineage: client, generation
  std::set<uint64_t> changing_fills_;
  // What came while the fill was being changed, and from which client.
  std::map<uint64_t, std::pair<uint32_t, FillReport>> late_reports_;
  struct FailedFill {
    std::string error;  // an alarm was raised
    Instant rests_until;
  };
  std::map<uint64_t, FailedFill> failed_fills_;
  struct SpaceQuestion {
    Instant deadline;
    std::set<uint32_t> waits_for;  // nodes
    Space space;
    SpaceDone done;
    Caller caller;
  };
  std::map<uint64_t, SpaceQuestion> questions_;
  uint64_t next_question_ = 1;
  bool expiring_ = false;
  int64_t wall_seconds_ = 0;  // at the last tick, and then
  Instant ticked_at_;
  Instant expire_from_;  // not before
  // What the last plan of moves was made of; it is made again when that changes, and now and then
  // while something is to move, since room changes.
  struct PlannedFor {
    uint64_t generation = 0;
    uint64_t disks = 0;  // version of their section
    size_t formers = 0;
    std::set<uint32_t> gone;
    size_t rooms = 0;  // disks that have said how much they have
    bool operator==(const PlannedFor&) const = default;
  };
  PlannedFor planned_for_;
  Instant planned_at_;
  std::map<uint32_t, std::string> missing_;  // by table: what some chains lack; an alarm was raised
  std::map<uint32_t, uint64_t> horizons_sent_;  // by chain, for its open epoch
  std::list<Wait> waits_;
  env::Timer tick_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for callbacks of log and reactor
};

}  // namespace storpool::metadata
