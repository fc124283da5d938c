// Which chains need a new name, and which (design 5.5a, 6.8): wanted against actual, asked again
// after every change.
//
// What every planned name keeps: relative to the last opened config; at least one of its serving
// members (R2, 4.3: the last one is never named out); only disks whose node answers now (R21); one
// that an unopened name left out is not serving again before something has opened, unless nobody
// else is left. State checks the same again when it applies the name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "lib/base/types.h"
#include "lib/metadata/state.h"
#include "proto/control.pb.h"

namespace storpool::metadata {

// The facts of this moment.
struct LiveMembers {
  Instant now;
  std::set<uint32_t> present;  // disks whose node is connected and was heard just now
  std::set<uint32_t> lost;     // disks that go out with the same command
  std::set<uint32_t> turns;    // chains that may begin or end a move (relocation.h)
};

struct NamingTimes {
  Duration retry;
  Duration retry_max;
  Duration settle;
};

class NamingMemory {
 public:
  explicit NamingMemory(NamingTimes times) : times_(times) {}

  void OnNamed(uint32_t chain, Instant now);
  void OnOpened(uint32_t chain);
  void OnPromotable(const Promotable& message);
  // The coordinator says that this config never opens: it is named again without these.
  void OnLevelFailed(const LevelFailed& message);
  // A disk came back or went: one that does so again and again is readmitted later and later.
  void OnDiskLost(uint32_t disk, Instant now);

  // At most `count` names.
  std::vector<NameChain> Plan(const State& state, const LiveMembers& live, size_t count);

 private:
  struct Chain {
    Instant named_at;
    uint32_t unopened_names = 0;
    std::optional<Instant> waiting_since;  // for members that may come back (hazard 4.17)
    std::map<uint32_t, Promotable> promotable;
    uint32_t failed_epoch = 0;
    std::set<uint32_t> failed;
  };
  struct Flaps {
    uint32_t score = 0;
    Instant last;
  };
  struct View;
  std::optional<NameChain> PlanOpened(const View& view, Chain& chain);
  std::optional<NameChain> PlanUnopened(const View& view, Chain& chain);
  std::optional<NameChain> PlanFirst(const View& view, Chain& chain);
  bool RetryDue(const Chain& chain, Instant now) const;
  bool Waited(Chain& chain, Instant now) const;
  // A new member may come, now: it is no move, or its chain has its turn.
  static bool MayJoin(const View& view, uint32_t disk);
  // Members that are replaced leave; true if somebody did.
  static bool LetGo(const View& view, bool change, std::vector<ChainMember>& serving,
                    std::vector<ChainMember>& others, NameChain& left_out);
  bool MayPromote(const View& view, const Chain& chain, const ChainMember& member) const;

  const NamingTimes times_;
  std::map<uint32_t, Chain> chains_;
  std::map<uint32_t, Flaps> flaps_;
};

}  // namespace storpool::metadata
