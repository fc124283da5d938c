// Templates: what new volumes get.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/placing.h"
#include "lib/metadata/state.h"
#include "lib/model/names.h"

namespace storpool::metadata {
namespace {

absl::Status AsInvalid(const absl::Status& status) {
  return status.ok() ? status : InvalidParam(std::string(status.message()));
}

// The same error, of this template.
absl::Status Of(const std::string& name, const absl::Status& status) {
  absl::Status named(status.code(),
                     absl::StrCat("template ", name, ": ", std::string(status.message())));
  status.ForEachPayload([&](auto url, const auto& payload) { named.SetPayload(url, payload); });
  return named;
}

absl::Status NoTemplate(const std::string& name) {
  return ObjectDoesNotExist(
      absl::StrCat("template '", name, "' does not exist; 'template list' shows all"));
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

absl::Status State::Do(const UpdateTemplate& c, Outcome& out) {
  const Template* known = FindTemplate(c.name());
  if (known == nullptr) return NoTemplate(c.name());
  Template t = *known;
  if (!c.rename().empty() && c.rename() != c.name()) {
    SP_RETURN_IF_ERROR(AsInvalid(model::ValidateTemplateName(c.rename())));
    if (FindTemplate(c.rename()) != nullptr) {
      return ObjectExists(absl::StrCat("template ", c.rename(), " exists"));
    }
    t.set_name(c.rename());
  }
  if (c.size_bytes() != 0) {
    SP_RETURN_IF_ERROR(AsInvalid(model::ValidateVolumeSize(c.size_bytes())));
    t.set_size_bytes(c.size_bytes());
  }
  templates_.Put(t.id(), t);
  ShowTemplate(t.id(), t.id(), t.name());
  BumpGeneration(out);
  return absl::OkStatus();
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
