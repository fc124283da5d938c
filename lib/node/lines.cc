#include "lib/node/lines.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/control/convert.h"
#include "lib/node/chain_host.h"
#include "lib/node/chain_table.h"
#include "lib/node/disk_host.h"
#include "lib/node/metadata_session.h"

namespace storpool::node {
namespace {

constexpr int kLinesPerReport = 1000;
constexpr size_t kLinesBytes = 1u << 20;  // a message is sent once it has so many

}  // namespace

Lines::Lines(Services& services, directory::Directory& directory)
    : services_(services),
      directory_(directory),
      report_timer_(services.reactor, [this] { SendReports(); }) {}

std::string Lines::SectionName(LineageId lineage) { return absl::StrCat("line/", lineage.value()); }

void Lines::LoadFrom(DiskHost& disk) {
  for (const auto& [lineage, line] : disk.store().lines()) {
    if (!line.dropped) wanted_.insert(lineage);
    highest_lineage_ = std::max(highest_lineage_, lineage.value());
    highest_volume_ = std::max(highest_volume_, line.volume.value());
    directory_.Apply(line);
  }
}

void Lines::Want(LineageId lineage) {
  if (wanted_.insert(lineage).second) Ask(lineage);
}

void Lines::Ask(LineageId lineage) { services_.metadata->SubscribeLine(lineage); }

void Lines::Await(ChainHost& host, LineageId lineage, LineVersion version) {
  const model::Line* line = Find(lineage);
  if (line != nullptr && line->version >= version) {
    host.Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
      r.OnLineKnown(*line, now, out);
    });
    return;
  }
  Want(lineage);  // every replica hears of every line that comes
}

void Lines::Learn(const model::Line& line) {
  const directory::Changes changes = directory_.Apply(line);
  for (const std::string& text : changes.alarms) services_.metadata->Alarm(text);
  OnChanged(changes);
}

void Lines::OnChanged(const directory::Changes& changes) {
  for (LineageId lineage : changes.incomplete) {
    wanted_.insert(lineage);
    Ask(lineage);
  }
  for (LineageId lineage : changes.lines) {
    const model::Line* line = Find(lineage);
    if (line == nullptr) continue;
    if (line->dropped) {  // nothing comes after that
      wanted_.erase(lineage);
      ordered_.erase(lineage);
    } else {
      wanted_.insert(lineage);
    }
    Keep(*line);
    services_.chains->StepAll([&](chain::Replica& r, Instant now, chain::Effects& out) {
      r.OnLineKnown(*line, now, out);
    });
  }
}

void Lines::Keep(const model::Line& line) {
  highest_lineage_ = std::max(highest_lineage_, line.lineage.value());
  highest_volume_ = std::max(highest_volume_, line.volume.value());
  for (DiskHost* disk : services_.chains->disks()) {
    if (!disk->failed()) disk->store().AppendLine(line);
  }
}

void Lines::OnOrder(const LineOrder& order) {
  for (const Line& message : order.lines()) {
    const absl::StatusOr<model::Line> line = control::ToModel(message);
    if (!line.ok()) {
      services_.metadata->Alarm(
          absl::StrCat("metadata ordered a bad line: ", std::string(line.status().message())));
      continue;
    }
    ordered_.insert(line->lineage);
    Learn(*line);
    const model::Line* known = Find(line->lineage);
    if (known == nullptr) continue;  // the whole of it has been asked for
    Keep(*known);                    // on disks that do not have it, too
    for (DiskHost* disk : services_.chains->disks()) QueueReport(disk->id(), line->lineage);
  }
}

void Lines::ReportAll() {
  for (LineageId lineage : ordered_) {
    for (DiskHost* disk : services_.chains->disks()) QueueReport(disk->id(), lineage);
  }
}

void Lines::SayHere() {
  std::map<LineageId, const model::Line*> newest;
  for (DiskHost* disk : services_.chains->disks()) {
    if (disk->failed()) continue;
    for (const auto& [lineage, line] : disk->store().lines()) {
      const model::Line*& known = newest[lineage];
      if (known == nullptr || known->version < line.version) known = &line;
    }
  }
  ToMetadata message;
  LinesHere& here = *message.mutable_lines_here();
  here.set_more(true);
  size_t bytes = 0;
  for (const auto& [lineage, line] : newest) {
    *here.add_lines() = control::ToMessage(*line);
    bytes += here.lines(here.lines_size() - 1).ByteSizeLong();
    if (bytes < kLinesBytes) continue;
    services_.metadata->Send(message);
    here.clear_lines();
    bytes = 0;
  }
  here.set_more(false);
  services_.metadata->Send(message);
}

void Lines::ReportProgress() {
  for (LineageId lineage : ordered_) {
    for (DiskHost* disk : services_.chains->disks()) {
      const chunkstore::KeptLine kept = disk->store().LineOf(lineage);
      if (kept.chunks_left > 0) QueueReport(disk->id(), lineage);
    }
  }
}

void Lines::OnKept(DiskHost& disk, LineageId lineage) {
  if (ordered_.contains(lineage)) QueueReport(disk.id(), lineage);
}

// One message for what happens in a turn.
void Lines::QueueReport(DiskId disk, LineageId lineage) {
  to_report_.insert({disk, lineage});
  if (!report_timer_.active()) report_timer_.StartIn(Duration());
}

void Lines::SendReports() {
  if (!services_.metadata->registered()) return;  // all is said again after it
  ToMetadata message;
  for (const auto& [id, lineage] : to_report_) {
    LinesKept& kept = *message.mutable_lines_kept();
    if (kept.lines_size() > 0 &&
        (kept.disk() != id.value() || kept.lines_size() >= kLinesPerReport)) {
      services_.metadata->Send(message);
      kept.clear_lines();
    }
    DiskHost* disk = services_.chains->DiskHere(id);
    if (disk->failed()) continue;
    const chunkstore::KeptLine state = disk->store().LineOf(lineage);
    if (state.durable == LineVersion()) continue;
    kept.set_disk(id.value());
    LineKept& line = *kept.add_lines();
    line.set_lineage(lineage.value());
    line.set_durable(state.durable.value());
    line.set_applied(state.handed_over.value());
    line.set_chunks_left(state.chunks_left);
  }
  if (message.lines_kept().lines_size() > 0) services_.metadata->Send(message);
  for (const auto& [id, lineage] : to_report_) {
    if (IsDone(lineage)) ordered_.erase(lineage);
  }
  to_report_.clear();
}

// Nothing is left to do or to say, until it is ordered again: as metadata does after every
// registration with what it waits for.
bool Lines::IsDone(LineageId lineage) const {
  const model::Line* line = Find(lineage);
  for (DiskHost* disk : services_.chains->disks()) {
    if (disk->failed()) continue;
    const chunkstore::KeptLine kept = disk->store().LineOf(lineage);
    if (line == nullptr || kept.handed_over < line->version || kept.chunks_left > 0) return false;
  }
  return true;
}

}  // namespace storpool::node
