// A volume moves to another template, or gets a placement of its own (design 6.11): a new lineage
// there, whose foreign parent is the layer that it had, filled in the background (9.4).
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/placing.h"
#include "lib/metadata/state.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::metadata {
namespace {

bool NamesPlacement(const VolumeUpdateRequest& update) {
  return update.has_replication() || update.has_place_all() || update.has_place_head() ||
         update.has_place_tail();
}

// What the request says replaces what the policy has.
void Change(const VolumeUpdateRequest& update, Table& policy) {
  const auto group = [&](const std::string& name) {
    return name.empty() ? policy.place_all() : name;
  };
  if (update.has_replication()) policy.set_replication(update.replication());
  if (update.has_place_all()) {
    policy.set_place_all(update.place_all().empty() ? "default" : update.place_all());
  }
  if (update.has_place_head()) policy.set_place_head(group(update.place_head()));
  if (update.has_place_tail()) policy.set_place_tail(group(update.place_tail()));
}

}  // namespace

// Its id is 0 if no table is known to be the right one.
absl::StatusOr<Table> State::PlaceWanted(const VolumeUpdateRequest& update,
                                         const Volume& volume) const {
  Table wanted = *tables_.Find(lines_.Find(volume.lineage())->table());
  const Template* t = FindTemplate(volume.template_id());
  if (!update.template_name().empty()) {
    t = FindTemplate(update.template_name());
    if (t == nullptr) return NoTemplate(update.template_name());
    if (t->id() != volume.template_id()) {
      wanted = PolicyOfTemplate(*t);
      wanted.set_id(t->table());
    }
  }
  const Table before = wanted;
  Change(update, wanted);
  if (SamePolicy(before, wanted)) return wanted;
  const bool as_template = t != nullptr && SamePolicy(PolicyOfTemplate(*t), wanted);
  wanted.set_template_id(as_template ? t->id() : 0);
  wanted.set_id(as_template ? t->table() : FindTableFor(wanted));
  return wanted;
}

// A snapshot lies where its volume did; only what is cloned from it follows another template.
absl::Status State::ChangePlace(const VolumeUpdateRequest& update, Volume& volume, Outcome& out) {
  if (update.template_name().empty() && !NamesPlacement(update)) return absl::OkStatus();
  const absl::StatusOr<Table> place = PlaceWanted(update, volume);
  if (!place.ok()) return place.status();
  const bool moves = place->id() != lines_.Find(volume.lineage())->table();
  if (volume.snapshot() && NamesPlacement(update) && moves) {
    return InvalidParam(absl::StrCat("snapshot ", NameOf(volume),
                                     " stays where it is; clone it with another placement"));
  }
  if (moves && !volume.snapshot()) SP_RETURN_IF_ERROR(MoveTo(*place, volume, out));
  if (const Template* t = FindTemplate(update.template_name())) {
    volume.set_template_id(t->id());
    volume.set_template_name(t->name());
  }
  return absl::OkStatus();
}

absl::Status State::MoveTo(const Table& place, Volume& volume, Outcome& out) {
  SP_RETURN_IF_ERROR(CheckDetached(volume));
  SP_RETURN_IF_ERROR(CheckRoomForLayer(volume));
  const uint64_t before = volume.lineage();
  if (!AllOpen(lines_.Find(before)->table())) {  // what a former session sent could turn up
    return BusyForNow(absl::StrCat("volume ", NameOf(volume), " has chains that are not open"));
  }
  NewVolume plan{volume, {}, place};
  plan.policy.set_chains(0);
  Volume held = volume;
  held.set_layer(NewestLayer(before));
  SP_RETURN_IF_ERROR(SetParent(plan.line, held));
  SP_RETURN_IF_ERROR(ChooseTable(plan, out));
  LayerRecord layer = *layers_.Find({before, held.layer()});
  layer.set_sealed(true);
  layer.set_changed(BumpLine(before, out));
  PutLayer(before, held.layer(), layer);
  BeginLine(std::move(plan.line), volume, out);
  PutVolume(volume);
  fills_.Erase(before);
  StartFill(volume);
  return absl::OkStatus();
}

}  // namespace storpool::metadata
