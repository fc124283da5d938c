// What the stores were given and what clients were told, seen from outside, and what must hold
// among them all the time (design 5.10): I1, I3, I5, I6, I9, and the rules 4.2, 5.3 and 5.8 that
// carry them.
//
// Invariant: it knows only what passed a store's interface or the wire, and believes nothing that a
// replica says of itself but its role, its epoch and its W. The first violation is kept; it begins
// with the name of what was violated.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/chain_record.h"
#include "lib/base/entry.h"
#include "lib/chain/state.h"
#include "lib/model/chain_config.h"
#include "lib/wire/messages.h"

namespace storpool::sim {

class Ledger {
 public:
  // A store, by what passes its interface. Positions are the store's.
  void Recovered(DiskId disk, bool damaged, const std::map<ChainId, ChainRecord>& chains);
  void Appended(DiskId disk, ChainId chain, const Entry& entry, uint64_t position);
  void Adopted(ChainId chain, const model::NamedConfig& config);
  void Voided(DiskId disk, ChainId chain, Version above, Epoch below, uint64_t position);
  void Committed(DiskId disk, ChainId chain, Version committed);
  void Discarded(DiskId disk, ChainId chain);
  void Durable(DiskId disk, uint64_t position);

  // The wire: what a client asks, what it is answered.
  void Asked(const wire::WriteRequest& request);
  void Answered(const wire::WriteAnswer& answer);
  // A member tells metadata that something cannot be (5.5c, 5.5h).
  void Alarmed(const std::string& text);

  // Between two turns: every running replica, then the end of the look.
  void LookAt(DiskId disk, const chain::ReplicaState& replica);
  void LookDone();

  const absl::Status& verdict() const { return verdict_; }
  uint64_t voided() const { return voided_; }

 private:
  struct Held {
    uint64_t identity = 0;  // a digest of what the entry is; 0: unknown
    uint64_t position = 0;  // 0: durable since before this life
    LineageId lineage;
    LayerId layer;
  };
  // One chain on one disk.
  struct Member {
    std::map<Version, Held> held;      // pending or moved by W, not voided
    std::map<Version, uint64_t> gone;  // voided or not found by a recovery: position of the void
    Version store_committed;
    // Up to here it was compared with the others, or promoted; and the opened epoch of that.
    Version compared;
    Epoch compared_in;
  };
  struct Chain {
    std::map<Version, Held> commits;  // as the first member to commit them has them
    Version committed_up_to;
    std::map<std::pair<Session, uint64_t>, Version> requests;
    std::map<Epoch, Version> acknowledged;  // the highest of each epoch
    std::vector<Version> to_check;          // acknowledged since the last look
    std::map<Epoch, Version> openings;      // T
    struct Name {
      Epoch last_opened;  // before it
      std::vector<DiskId> serving;
    };
    std::map<Epoch, Name> names;  // as adopted
    std::map<LineageId, LayerId> newest_layer;
  };

  void Opened(const model::ChainConfig& config);
  // The epoch whose opening voided it, if one has.
  static std::optional<Epoch> VoidedBy(const Chain& chain, Version version);
  // Has the disk served in every opened epoch after `since`, up to `until`?
  static bool ServedSince(const Chain& chain, DiskId disk, Epoch since, Epoch until);
  bool IsDurable(DiskId disk, const Held& held) const;
  void Compare(DiskId disk, ChainId id, Version up_to);
  void Extend(Chain& chain, ChainId id, const Member& member, Version up_to);
  void CheckOpenings(ChainId id, const Chain& chain);
  void CheckAcknowledged(ChainId id, Chain& chain);
  void Violated(const std::string& text);

  std::map<std::pair<DiskId, ChainId>, Member> members_;
  std::map<ChainId, Chain> chains_;
  std::map<DiskId, uint64_t> durable_;  // positions, of the life that runs or ran last
  std::map<std::tuple<ChainId, Session, uint64_t>, uint64_t> asked_;  // what a number stands for
  uint64_t voided_ = 0;
  absl::Status verdict_;
};

}  // namespace storpool::sim
