// The membership of one chain, as metadata decides it (design 5.1, 5.5).
//
// Invariant (Validate): 1 to 3 serving members first, head to tail, on different disks; then those
// that are syncing or away. An opened config carries the T of its opening.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "lib/base/types.h"

namespace storpool::model {

enum class Role : uint8_t {
  kServing = 1,
  kSyncing = 2,
  kAway = 3,
};

struct Member {
  DiskId disk;
  StoreId store;  // the store that metadata means; another one on this disk is a new disk (5.5g)
  Role role = Role::kServing;
  Version excluded_at;  // kAway: T of the opening that excluded it (5.5h)

  bool operator==(const Member&) const = default;
};

struct ChainConfig {
  ChainId chain;
  Epoch epoch;
  bool opened = false;
  Version opened_at;  // T; meaningful if opened
  absl::InlinedVector<Member, 4> members;

  size_t serving_count() const;
  // There is always a head and a tail in a valid config; they may be the same.
  const Member& head() const { return members.front(); }
  const Member& tail() const { return members[serving_count() - 1]; }
  // nullptr if the disk is not in it.
  const Member* Find(DiskId disk) const;
  bool IsServing(DiskId disk) const;
  // The serving member behind `disk`, or nullptr for the tail and for others.
  const Member* Successor(DiskId disk) const;

  absl::Status Validate() const;
  bool operator==(const ChainConfig&) const = default;
};

// A raise of the minimum generation that rides on a name (design 5.9): durable at adoption.
struct Raise {
  VolumeId volume;
  ClientId client;
  Generation generation;
  bool operator==(const Raise&) const = default;
};

// What metadata names: the new config and, always with it, the last opened one as metadata had it
// (R2). When `named.opened`, both are the same.
struct NamedConfig {
  ChainConfig named;
  ChainConfig last_opened;  // epoch 0 with no members for a chain that was never opened
  std::vector<Raise> raises;

  bool operator==(const NamedConfig&) const = default;
};

}  // namespace storpool::model
