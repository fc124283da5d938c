// What operators do with disks, and with the relocator.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"
#include "lib/model/names.h"

namespace storpool::metadata {
namespace {

absl::Status NoDisk(uint32_t disk) {
  return ObjectDoesNotExist(absl::StrCat("disk ", disk, " does not exist; 'disk list' shows all"));
}

}  // namespace

uint32_t State::OnlyServedBy(uint32_t disk) const {
  uint32_t count = 0;
  for (const auto& [raw, chain] : chains_.all()) {
    const ChainConfig& named = chain.config().named();
    const ChainConfig& config = named.opened() ? named : chain.config().last_opened();
    uint32_t others = 0;
    bool serves = false;
    for (const ChainMember& m : config.members()) {
      if (m.role() != CHAIN_ROLE_SERVING) continue;
      const DiskRecord* record = disks_.Find(m.disk());
      serves = serves || m.disk() == disk;
      others += m.disk() != disk && record != nullptr && record->disk().state() == Disk::UP;
    }
    count += serves && others == 0;
  }
  return count;
}

absl::Status State::Do(const EjectDisk& c, Outcome& out) {
  const DiskRecord* known = disks_.Find(c.disk());
  if (known == nullptr) return NoDisk(c.disk());
  DiskRecord record = *known;
  if (!c.bring_back()) {
    if (record.ejected_by_operator()) return absl::OkStatus();
    if (const uint32_t chains = OnlyServedBy(c.disk()); chains > 0) {
      return Busy(absl::StrCat("disk ", c.disk(), " has the only copy of ", chains,
                               " chains; move them first: 'disk ", c.disk(), " softEject'"));
    }
    record.set_ejected_by_operator(true);
    disks_.Put(c.disk(), record);
    DiskBecomes(c.disk(), Disk::EJECTED, "ejected by an operator", c.now_seconds(), out);
    BumpGeneration(out);
    return absl::OkStatus();
  }
  const Node* node = nodes_.Find(record.disk().node());
  const bool up = node != nullptr && node->up();
  if (!record.ejected_by_operator()) {
    if (record.disk().state() == Disk::UP) return absl::OkStatus();
    if (record.disk().state() == Disk::DOWN) {
      return Busy(absl::StrCat("disk ", c.disk(), " is down, not ejected: ",
                               up ? "restart" : "start", " node ", record.disk().node()));
    }
    return Busy(absl::StrCat("disk ", c.disk(), " is out by itself (", record.disk().state_reason(),
                             "); restart node ", record.disk().node(), ", which tests it"));
  }
  if (record.failed_incarnation() == record.disk().incarnation()) {
    return Busy(absl::StrCat("disk ", c.disk(), " has failed meanwhile (",
                             record.disk().state_reason(), "); restart node ", record.disk().node(),
                             ", which tests it, then take it back"));
  }
  record.set_ejected_by_operator(false);
  // It is as its node left it: nothing was read or written meanwhile.
  record.mutable_disk()->set_state(up ? Disk::UP : Disk::DOWN);
  record.mutable_disk()->set_state_reason(
      up ? "" : absl::StrCat("node ", record.disk().node(), " does not answer"));
  if (up) record.set_down_since_seconds(0);
  disks_.Put(c.disk(), record);
  Touch("disks", out);
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const UpdateDisk& c, Outcome& out) {
  const DiskRecord* known = disks_.Find(c.disk());
  if (known == nullptr) return NoDisk(c.disk());
  DiskRecord record = *known;
  if (c.has_description()) {
    if (absl::Status ok = model::ValidateDiskDescription(c.description()); !ok.ok()) {
      return InvalidParam(std::string(ok.message()));
    }
    record.mutable_disk()->set_description(c.description());
  }
  if (c.has_soft_eject()) {
    if (!Disk::SoftEject_IsValid(c.soft_eject())) {
      return InvalidParam("a soft eject is off, on or paused");
    }
    record.mutable_disk()->set_soft_eject(c.soft_eject());
  }
  if (record.SerializeAsString() == known->SerializeAsString()) return absl::OkStatus();
  disks_.Put(c.disk(), record);
  Touch("disks", out);
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const SetRelocator& c, Outcome& out) {
  if (cluster_.relocator_off() == !c.on()) return absl::OkStatus();
  ClusterRecord record = cluster_;
  record.set_relocator_off(!c.on());
  PutCluster(record);
  BumpGeneration(out);
  return absl::OkStatus();
}

}  // namespace storpool::metadata
