// The volatile facts: who is there now, how much room, how far a resync is. Known to the leader
// only, lost with it, and never input of State::Apply.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/types.h"
#include "proto/admin.pb.h"
#include "proto/control.pb.h"

namespace storpool::metadata {

struct PeerFacts {
  bool up = false;  // registered, and its link stands
  Instant last_heard;
  Instant down_since;            // of a client that was up and is not any more
  int64_t up_since_seconds = 0;  // since 1970
  std::string version;
  std::string address;  // of a client: where it exports volumes
  // Of a client: the version of its attachments that it has, and the cluster's generation when it
  // had the newest last.
  uint64_t map_version = 0;
  uint64_t generation = 0;
};

class LiveView {
 public:
  static constexpr size_t kAlarmsMax = 100;
  static constexpr size_t kOperationsMax = 4096;  // whose outcome is remembered

  // Facts of one that was never seen are all zero.
  PeerFacts node(uint32_t id) const { return Get(nodes_, id); }
  PeerFacts client(uint32_t id) const { return Get(clients_, id); }
  // nullptr if none was reported since this leader began.
  const DiskRoom* room(uint32_t disk) const { return Find(rooms_, disk); }
  const MemberBase* base(uint32_t chain, uint32_t disk) const {
    return Find(bases_, std::pair(chain, disk));
  }
  // Of the open epoch, from its source; nullptr if none was reported.
  const ResyncLeft* resync(uint32_t chain, uint32_t target) const {
    return Find(resyncs_, std::pair(chain, target));
  }
  // How long writes were held for a snapshot; zero if that is not known (any more).
  Duration pause(uint64_t snapshot) const { return Get(pauses_, snapshot); }
  // Why an operation on snapshots was given up; empty if it was not, or too long ago.
  std::string failure(uint64_t operation) const { return Get(failed_operations_, operation); }
  const std::deque<RaisedAlarm>& alarms() const { return alarms_; }  // oldest first
  // Why the relocator cannot go on, or empty.
  const std::string& relocation_blocked() const { return relocation_blocked_; }
  size_t rooms() const { return rooms_.size(); }
  int64_t started_seconds() const { return started_seconds_; }

 private:
  friend class Leader;
  template <class Map, class Key>
  static typename Map::mapped_type Get(const Map& map, const Key& key) {
    const auto it = map.find(key);
    return it == map.end() ? typename Map::mapped_type() : it->second;
  }
  template <class Map, class Key>
  static const typename Map::mapped_type* Find(const Map& map, const Key& key) {
    const auto it = map.find(key);
    return it == map.end() ? nullptr : &it->second;
  }
  void AddAlarm(int64_t at_seconds, const std::string& from, const std::string& text);
  void AddPause(uint64_t snapshot, Duration pause);
  void AddFailedOperation(uint64_t operation, std::string why);

  std::map<uint32_t, PeerFacts> nodes_;
  std::map<uint32_t, PeerFacts> clients_;
  std::map<uint32_t, DiskRoom> rooms_;
  std::map<std::pair<uint32_t, uint32_t>, MemberBase> bases_;    // chain, disk
  std::map<std::pair<uint32_t, uint32_t>, ResyncLeft> resyncs_;  // chain, target
  std::map<uint64_t, Duration> pauses_;                          // of the newest snapshots
  std::map<uint64_t, std::string> failed_operations_;            // the newest
  std::deque<RaisedAlarm> alarms_;
  std::string relocation_blocked_;
  int64_t started_seconds_ = 0;
};

}  // namespace storpool::metadata
