// Templates: what new volumes get.
#include <set>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/placing.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_parts.h"
#include "lib/model/names.h"

namespace storpool::metadata {
namespace {

// The same error, of this template.
absl::Status Of(const std::string& name, const absl::Status& status) {
  absl::Status named(status.code(),
                     absl::StrCat("template ", name, ": ", std::string(status.message())));
  status.ForEachPayload([&](auto url, const auto& payload) { named.SetPayload(url, payload); });
  return named;
}

}  // namespace

absl::Status State::Do(const CreateTemplate& c, Outcome& out) {
  SP_RETURN_IF_ERROR(AsInvalid(model::ValidateTemplateName(c.name())));
  if (FindTemplate(c.name()) != nullptr) {
    return ObjectExists(absl::StrCat("template ", c.name(), " exists"));
  }
  if (c.size_bytes() != 0) SP_RETURN_IF_ERROR(AsInvalid(model::ValidateVolumeSize(c.size_bytes())));
  Template t;
  t.set_id(cluster_.next_template());
  t.set_name(c.name());
  t.set_replication(c.replication());
  t.set_place_all(c.place_all().empty() ? "default" : c.place_all());
  t.set_place_head(c.place_head().empty() ? t.place_all() : c.place_head());
  t.set_place_tail(c.place_tail().empty() ? t.place_all() : c.place_tail());
  t.set_size_bytes(c.size_bytes());
  if (c.has_limits()) *t.mutable_limits() = c.limits();
  const absl::StatusOr<uint64_t> parent = ParentOf(c.parent());
  if (!parent.ok()) return parent.status();
  t.set_parent(*parent);
  const absl::StatusOr<uint32_t> table = MakeTable(PolicyOfTemplate(t), out);
  if (!table.ok()) return Of(c.name(), table.status());
  t.set_table(*table);
  ClusterRecord cluster = cluster_;
  cluster.set_next_template(cluster.next_template() + 1);
  PutCluster(cluster);
  templates_.Put(t.id(), t);
  out.result.set_id(t.id());
  BumpGeneration(out);
  return absl::OkStatus();
}

absl::StatusOr<Template> State::Updated(const Template& known,
                                        const TemplateUpdateRequest& update) const {
  Template t = known;
  if (!update.rename().empty() && update.rename() != known.name()) {
    SP_RETURN_IF_ERROR(AsInvalid(model::ValidateTemplateName(update.rename())));
    if (FindTemplate(update.rename()) != nullptr) {
      return ObjectExists(absl::StrCat("template ", update.rename(), " exists"));
    }
    t.set_name(update.rename());
  }
  if (update.has_size_bytes()) {
    if (update.size_bytes() != 0) {
      SP_RETURN_IF_ERROR(AsInvalid(model::ValidateVolumeSize(update.size_bytes())));
    }
    t.set_size_bytes(update.size_bytes());
  }
  if (update.has_replication()) t.set_replication(update.replication());
  if (update.has_place_all()) {
    t.set_place_all(update.place_all().empty() ? "default" : update.place_all());
  }
  const auto other = [&](const std::string& group) {
    return group.empty() ? t.place_all() : group;
  };
  if (update.has_place_head()) t.set_place_head(other(update.place_head()));
  if (update.has_place_tail()) t.set_place_tail(other(update.place_tail()));
  if (update.limits().has_iops()) t.mutable_limits()->set_iops(update.limits().iops());
  if (update.limits().has_bandwidth_bytes()) {
    t.mutable_limits()->set_bandwidth_bytes(update.limits().bandwidth_bytes());
  }
  if (update.limits().has_per_gib()) t.mutable_limits()->set_per_gib(update.limits().per_gib());
  if (update.has_parent()) {
    const absl::StatusOr<uint64_t> parent = ParentOf(update.parent());
    if (!parent.ok()) return parent.status();
    t.set_parent(*parent);
  }
  return t;
}

absl::StatusOr<uint64_t> State::ParentOf(const std::string& snapshot) const {
  if (snapshot.empty()) return 0;
  const absl::StatusOr<Volume> parent = FindVolume(snapshot);
  if (!parent.ok()) return parent.status();
  if (parent->snapshot()) return parent->id();
  return InvalidParam(
      absl::StrCat(snapshot, " is a volume; the parent of a template's volumes is ", "a snapshot"));
}

absl::Status State::Do(const UpdateTemplate& c, Outcome& out) {
  const TemplateUpdateRequest& update = c.update();
  const Template* known = FindTemplate(update.name());
  if (known == nullptr) return NoTemplate(update.name());
  absl::StatusOr<Template> t = Updated(*known, update);
  if (!t.ok()) return t.status();
  const Table policy = PolicyOfTemplate(*t);
  if (!SamePolicy(policy, PolicyOfTemplate(*known))) {
    if (absl::Status can = CheckPolicy(policy); !can.ok()) return Of(update.name(), can);
  }
  const uint32_t before = t->table();
  if (!update.propagate() && !SamePolicy(policy, *FindTable(before))) {
    // New volumes lie elsewhere; those that are there stay.
    const absl::StatusOr<uint32_t> table = FindOrMakeTable(policy, out);
    if (!table.ok()) return Of(update.name(), table.status());
    t->set_table(*table);
  }
  templates_.Put(t->id(), *t);
  if (t->table() != before) EraseTableIfUnused(before, out);
  if (update.propagate()) Propagate(*t, out);
  ShowTemplate(t->id(), t->id(), t->name());
  BumpGeneration(out);
  return absl::OkStatus();
}

// The relocator does the rest: chains that are not where their table's policy wants them.
void State::Propagate(const Template& t, Outcome& out) {
  const Table policy = PolicyOfTemplate(t);
  const std::map<uint64_t, Table> tables = tables_.all();
  for (const auto& [id, table] : tables) {
    if (table.template_id() != t.id() || SamePolicy(table, policy)) continue;
    Table changed = policy;
    changed.set_id(table.id());
    changed.set_chains(table.chains());
    tables_.Put(id, changed);
  }
  std::vector<Volume> volumes;
  for (const auto& [id, volume] : volumes_.all()) {
    if (volume.template_id() == t.id()) volumes.push_back(volume);
  }
  std::set<uint64_t> changed;
  for (Volume& volume : volumes) {
    const std::string before = volume.limits().SerializeAsString();
    *volume.mutable_limits() = t.limits();
    if (volume.limits().SerializeAsString() == before) continue;
    volumes_.Put(volume.id(), volume);
    changed.insert(volume.id());
  }
  for (const auto& [key, attachment] : attachments_.all()) {
    if (changed.contains(key.first)) TouchAttachments(key.second, out);
  }
}

// What lives goes on as it is, now with values of its own (6.11).
absl::Status State::Do(const DeleteTemplate& c, Outcome& out) {
  const Template* known = FindTemplate(c.name());
  if (known == nullptr) return NoTemplate(c.name());
  const uint32_t id = known->id();
  templates_.Erase(id);
  ShowTemplate(id, 0, "");
  const std::map<uint64_t, Table> tables = tables_.all();
  for (const auto& [table_id, table] : tables) {
    if (table.template_id() != id) continue;
    Table alone = table;
    alone.clear_template_id();
    tables_.Put(table_id, alone);
    EraseTableIfUnused(static_cast<uint32_t>(table_id), out);
  }
  BumpGeneration(out);
  return absl::OkStatus();
}

void State::ShowTemplate(uint32_t id, uint32_t now, const std::string& name) {
  std::vector<Volume> shown;
  for (const auto& [volume_id, volume] : volumes_.all()) {
    const bool same = volume.template_id() == now && volume.template_name() == name;
    if (volume.template_id() == id && !same) shown.push_back(volume);
  }
  for (Volume& volume : shown) {
    volume.set_template_id(now);
    volume.set_template_name(name);
    volumes_.Put(volume.id(), volume);
  }
}

}  // namespace storpool::metadata
