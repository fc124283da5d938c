// Volumes and their lineages.
#include <set>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/state.h"
#include "lib/model/names.h"

namespace storpool::metadata {
namespace {

absl::Status AsInvalid(const absl::Status& status) {
  return status.ok() ? status : InvalidParam(std::string(status.message()));
}

// StorPool's form of the third part of a global id: base 36, lower case.
std::string Base36(uint64_t number) {
  constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string text;
  do {
    text.insert(text.begin(), kDigits[number % 36]);
    number /= 36;
  } while (number != 0);
  return text;
}

}  // namespace

absl::Status State::Do(const CreateVolume& c, Outcome& out) {
  SP_RETURN_IF_ERROR(AsInvalid(model::ValidateVolumeName(c.name())));
  if (FindVolume(c.name()).ok()) {
    return ObjectExists(absl::StrCat("volume ", c.name(), " exists"));
  }
  const Template* t = FindTemplate(c.template_name());
  if (t == nullptr) {
    return ObjectDoesNotExist(absl::StrCat("template '", c.template_name(),
                                           "' does not exist; 'template list' shows all"));
  }
  const uint64_t size_bytes = c.size_bytes() != 0 ? c.size_bytes() : t->size_bytes();
  if (size_bytes == 0) {
    return InvalidParam(
        absl::StrCat("volume ", c.name(), " needs a size: template ", t->name(), " has none"));
  }
  SP_RETURN_IF_ERROR(AsInvalid(model::ValidateVolumeSize(size_bytes)));
  ClusterRecord cluster = cluster_;
  Volume volume;
  volume.set_id(cluster.next_volume());
  volume.set_name(c.name());
  volume.set_global_id(absl::StrCat(cluster.name(), ".", Base36(cluster.next_volume())));
  volume.set_size_bytes(size_bytes);
  volume.set_template_name(t->name());
  volume.set_template_id(t->id());
  volume.set_lineage(cluster.next_lineage());
  volume.set_created_seconds(c.now_seconds());
  volume.set_next_generation(1);
  Line line;
  line.set_lineage(cluster.next_lineage());
  line.set_volume(volume.id());
  line.set_table(t->table());
  line.set_version(1);
  Layer* layer = line.add_layers();
  layer->set_id(1);
  layer->set_size_bytes(size_bytes);
  layer->set_cut_bytes(size_bytes);
  cluster.set_next_volume(cluster.next_volume() + 1);
  cluster.set_next_lineage(cluster.next_lineage() + 1);
  PutCluster(cluster);
  volumes_.Put(volume.id(), volume);
  lines_.Put(line.lineage(), line);
  Touch(absl::StrCat("line/", line.lineage()), out);
  out.result.set_id(volume.id());
  out.result.set_global_id(volume.global_id());
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::Status State::Do(const DeleteVolume& c, Outcome& out) {
  const absl::StatusOr<Volume> volume = FindVolume(c.name());
  if (!volume.ok()) return volume.status();
  const auto attached = attachments_.all().lower_bound({volume->id(), 0});
  if (attached != attachments_.all().end() && attached->first.first == volume->id()) {
    return Busy(absl::StrCat("volume ", volume->name(), " is attached to client ",
                             attached->first.second, "; detach it first"));
  }
  Line line = *lines_.Find(volume->lineage());
  line.set_dropped(true);
  line.set_version(line.version() + 1);
  // Every disk that may have some of it: also members that are away.
  std::set<uint32_t> disks;
  for (uint32_t raw : ChainsOfTable(line.table())) {
    const ChainRecord* chain = chains_.Find(raw);
    for (const ChainMember& m : chain->config().named().members()) disks.insert(m.disk());
    for (const ChainMember& m : chain->config().last_opened().members()) disks.insert(m.disk());
  }
  DropRecord drop;
  drop.set_lineage(line.lineage());
  drop.set_table(line.table());
  for (uint32_t disk : disks) {
    if (!disks_.contains(disk)) continue;  // forgotten: base nothing if it returns
    drop.add_disks(disk);
    out.events.disks_with_drops.insert(disk);
  }
  lines_.Put(line.lineage(), line);
  drops_.Put(line.lineage(), drop);
  volumes_.Erase(volume->id());
  Touch(absl::StrCat("line/", line.lineage()), out);
  BumpGeneration(out);
  return absl::OkStatus();
}

}  // namespace storpool::metadata
