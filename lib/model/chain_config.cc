#include "lib/model/chain_config.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace storpool::model {

size_t ChainConfig::serving_count() const {
  size_t n = 0;
  while (n < members.size() && members[n].role == Role::kServing) ++n;
  return n;
}

const Member* ChainConfig::Find(DiskId disk) const {
  for (const Member& m : members) {
    if (m.disk == disk) return &m;
  }
  return nullptr;
}

bool ChainConfig::IsServing(DiskId disk) const {
  const Member* m = Find(disk);
  return m != nullptr && m->role == Role::kServing;
}

const Member* ChainConfig::Successor(DiskId disk) const {
  const size_t serving = serving_count();
  for (size_t i = 0; i + 1 < serving; ++i) {
    if (members[i].disk == disk) return &members[i + 1];
  }
  return nullptr;
}

absl::Status ChainConfig::Validate() const {
  const auto bad = [this](const char* what) {
    return absl::InvalidArgumentError(
        absl::StrCat("chain ", ToString(chain), " epoch ", epoch.value(), ": ", what));
  };
  const size_t serving = serving_count();
  if (serving == 0) return bad("has no serving member");
  if (serving > kReplicationMax) return bad("has more than 3 serving members");
  if (members.size() > kChainMembersMax) return bad("has too many members");
  if (epoch.value() == 0 || epoch.value() > kEpochMax) return bad("epoch is out of range");
  for (size_t i = 0; i < members.size(); ++i) {
    if (i >= serving && members[i].role == Role::kServing) {
      return bad("a serving member stands behind one that does not serve");
    }
    for (size_t j = i + 1; j < members.size(); ++j) {
      if (members[i].disk == members[j].disk) return bad("names a disk twice");
    }
  }
  return absl::OkStatus();
}

}  // namespace storpool::model
