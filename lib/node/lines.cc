#include "lib/node/lines.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "lib/control/convert.h"
#include "lib/node/chain_host.h"
#include "lib/node/chain_table.h"
#include "lib/node/disk_host.h"
#include "lib/node/metadata_session.h"

namespace storpool::node {
namespace {

// Which lines there are notes of: lineage ids, with a comma between them.
constexpr char kListKey[] = "lines";

}  // namespace

std::string Lines::NoteKey(LineageId lineage) { return absl::StrCat("line/", lineage.value()); }

void Lines::LoadFrom(DiskHost& disk) {
  const std::optional<std::string> list = disk.store().Note(kListKey);
  if (!list) return;
  for (absl::string_view item : absl::StrSplit(*list, ',', absl::SkipEmpty())) {
    uint64_t id = 0;
    if (!absl::SimpleAtoi(item, &id)) continue;
    const std::optional<std::string> note = disk.store().Note(NoteKey(LineageId(id)));
    Line message;
    if (!note || !message.ParseFromString(*note)) continue;
    const absl::StatusOr<model::Line> line = control::ToModel(message);
    if (!line.ok()) continue;
    wanted_.insert(line->lineage);
    highest_lineage_ = std::max(highest_lineage_, line->lineage.value());
    highest_volume_ = std::max(highest_volume_, line->volume.value());
    directory_.Apply(*line);
  }
}

void Lines::Want(LineageId lineage) {
  if (!wanted_.insert(lineage).second) return;
  services_.metadata->SubscribeLine(lineage);
}

void Lines::Await(ChainHost& host, LineageId lineage, LineVersion version) {
  const model::Line* line = Find(lineage);
  if (line != nullptr && line->version >= version) {
    host.Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
      r.OnLineKnown(lineage, line->version, now, out);
    });
    return;
  }
  waiters_.push_back({&host, lineage, version});
  Want(lineage);
}

void Lines::Learn(const model::Line& line) {
  const directory::Changes changes = directory_.Apply(line);
  for (const std::string& text : changes.alarms) services_.metadata->Alarm(text);
  OnChanged(changes);
}

void Lines::OnChanged(const directory::Changes& changes) {
  for (LineageId lineage : changes.incomplete) {
    wanted_.insert(lineage);
    services_.metadata->SubscribeLine(lineage);
  }
  bool more = false;
  for (LineageId lineage : changes.lines) {
    const model::Line* line = Find(lineage);
    if (line == nullptr) continue;
    more |= wanted_.insert(lineage).second || lineage.value() > highest_lineage_;
    Keep(*line);
  }
  if (more || !changes.lines.empty()) KeepList();
  std::vector<Waiter> due;
  std::erase_if(waiters_, [&](const Waiter& w) {
    const model::Line* line = Find(w.lineage);
    if (line == nullptr || line->version < w.version) return false;
    due.push_back(w);
    return true;
  });
  for (const Waiter& w : due) {
    w.host->Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
      r.OnLineKnown(w.lineage, Find(w.lineage)->version, now, out);
    });
  }
}

void Lines::Keep(const model::Line& line) {
  highest_lineage_ = std::max(highest_lineage_, line.lineage.value());
  highest_volume_ = std::max(highest_volume_, line.volume.value());
  const std::string bytes = control::ToMessage(line).SerializeAsString();
  for (DiskHost* disk : services_.chains->disks()) {
    if (!disk->failed()) disk->store().AppendNote(NoteKey(line.lineage), bytes);
  }
}

void Lines::KeepList() {
  std::vector<uint64_t> ids;
  for (LineageId lineage : wanted_) {
    if (Find(lineage) != nullptr) ids.push_back(lineage.value());
  }
  const std::string list = absl::StrJoin(ids, ",");
  for (DiskHost* disk : services_.chains->disks()) {
    if (!disk->failed() && disk->store().Note(kListKey) != list) {
      disk->store().AppendNote(kListKey, list);
    }
  }
}

}  // namespace storpool::node
