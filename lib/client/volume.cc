// The life of a volume and of its session: what happens around requests. Requests themselves are in
// volume_io.cc.
#include "lib/client/volume.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/placement/locate.h"

namespace storpool::client {

Volume::Volume(VolumeContext& context, VolumeIdentity identity, VolumeEvents& events)
    : context_(context),
      identity_(std::move(identity)),
      events_(events),
      hold_timer_(context.reactor, [this] { GoOn(false); }) {
  TakeLines();
  SP_CHECK(lines_.complete());
  write_layer_ = identity_.layer != LayerId() ? identity_.layer : own().layer;
  TakeWriteLayer();
}

Volume::~Volume() { context_.reactor.Unschedule(this); }

void Volume::TakeLines() {
  lines_ =
      AncestryOf(context_.directory, identity_.lineage, identity_.snapshot, identity_.parents_max);
  if (lines_.lines.empty()) return;
  for (const Ancestor& line : lines_.lines) {
    const bool known = std::any_of(tables_.begin(), tables_.end(),
                                   [&](const TableChains& t) { return t.table == line.table; });
    if (!known) tables_.emplace_back(line.table).chains.resize(line.chains);
  }
  if (!has_parents()) {
    nothing_here_.clear();
  } else if (const size_t chunks = own().size_bytes / kChunkBytes + 1;
             nothing_here_.size() < chunks / 64 + 1) {
    nothing_here_.resize(chunks / 64 + 1);
  }
}

block::BlockDeviceInfo Volume::info() const {
  return {.size_bytes = own().size_bytes, .read_only = identity_.read_only};
}

ChainSession& Volume::SessionOf(size_t level, ChunkIndex chunk) {
  const Ancestor& line = lines_.lines[level];
  auto table = tables_.begin();
  while (table->table != line.table) ++table;
  const uint16_t index =
      placement::Locate(line.lineage, chunk, static_cast<uint32_t>(table->chains.size()));
  std::unique_ptr<ChainSession>& session = table->chains[index];
  if (session == nullptr) {
    const ChainId chain(line.table, index);
    const auto floor = identity_.floors.find(chain);
    session = std::make_unique<ChainSession>(
        chain, floor == identity_.floors.end() ? Epoch() : floor->second, context_.directory,
        context_.connections, context_.reactor, static_cast<LaneOwner&>(*this));
    session->Hold(hold_id_ != 0);
  }
  return *session;
}

ChainSession* Volume::FindSession(ChainId chain) {
  for (const TableChains& table : tables_) {
    if (table.table != chain.table() || chain.index() >= table.chains.size()) continue;
    return table.chains[chain.index()].get();
  }
  return nullptr;
}

void Volume::End(const absl::Status& reason) {
  SP_CHECK(!reason.ok());
  if (!ended_.ok()) return;
  ended_ = reason;
  hold_timer_.Stop();
  hold_id_ = undrained_id_ = 0;
  while (Call* call = context_.turns.TakeBack(*this)) {
    call->status = reason;
    Finish(call);
  }
  EachChain([&](ChainSession& chain) {
    while (Request* request = chain.Any()) EndPart(request, reason);
  });
  // Those that wait for a line are in no lane.
  while (ParentRead* read = parent_reads_.front()) EndPart(read->own, reason);
  List<Call> now;
  std::swap(now, soon_);
  while (Call* call = now.PopFront()) Finish(call);
}

bool Volume::busy() const {
  if (!soon_.empty() || waits() || !parent_reads_.empty()) return true;
  for (const TableChains& table : tables_) {
    for (const auto& chain : table.chains) {
      if (chain != nullptr && chain->Any() != nullptr) return true;
    }
  }
  return false;
}

void Volume::OnChain(ChainId chain) {
  ChainSession* session = FindSession(chain);
  if (session == nullptr) return;
  session->writes().OnChain();
  session->reads().OnChain();
}

void Volume::OnMap() {
  const Ancestry before = lines_;
  TakeLines();
  if (lines_.lines.empty() && lines_.gone != LineageId()) {
    lines_.lines = before.lines;
    return End(absl::NotFoundError(absl::StrCat("volume ", name(), " was deleted")));
  }
  TakeWriteLayer();
  if (lines_ != before) {
    AskForLines();
    EndFillsWithoutParents();
    RestartParentReads();
  }
  EachChain([](ChainSession& chain) {
    chain.writes().OnChain();
    chain.reads().OnChain();
  });
}

// Once the line shows the layer that is written as sealed, or no more, its snapshot is complete
// (S6) without this session, which goes on in the one that came after it.
void Volume::TakeWriteLayer() {
  const model::Line* line = context_.directory.FindLine(identity_.lineage);
  for (const model::Layer& layer : line->layers) {
    if (layer.id < write_layer_ || layer.sealed) continue;
    write_layer_ = layer.id;
    return;
  }
}

// What is missing of the lines is fetched; reads that need it wait.
void Volume::AskForLines() {
  if (lines_.unknown_line != LineageId()) events_.OnLineNeeded(lines_.unknown_line);
  if (lines_.gone != LineageId()) events_.OnLineNeeded(own().lineage);
}

void Volume::OnConnectionReady(const NodeConnection& connection) {
  EachChain([&](ChainSession& chain) {
    chain.writes().OnConnectionReady(connection);
    chain.reads().OnConnectionReady(connection);
  });
}

void Volume::OnConnectionLost(const NodeConnection& connection, bool was_ready) {
  EachChain([&](ChainSession& chain) {
    chain.writes().OnConnectionLost(connection, was_ready);
    chain.reads().OnConnectionLost(connection, was_ready);
  });
}

void Volume::OnTick() {
  if (!lines_.complete()) AskForLines();
  EachChain([](ChainSession& chain) {
    chain.writes().OnTick();
    chain.reads().OnTick();
  });
}

void Volume::CompleteSoon(Call* call, absl::Status status) {
  call->status = std::move(status);
  soon_.PushBack(call);
  context_.reactor.Schedule(env::Phase::kForward, this);
}

void Volume::OnPhase(env::Phase) {
  // What completions start anew is for the next turn.
  List<Call> now;
  std::swap(now, soon_);
  while (Call* call = now.PopFront()) Finish(call);
}

}  // namespace storpool::client
