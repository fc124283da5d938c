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
    : context_(context), identity_(std::move(identity)), events_(events) {
  TakeLine();
  SP_CHECK(!line_.layers.empty());
  chains_.resize(context_.directory.ChainsOf(line_.table));
  SP_CHECK(!chains_.empty());
}

Volume::~Volume() { context_.reactor.Unschedule(this); }

void Volume::TakeLine() {
  const model::Line* line = context_.directory.FindLine(identity_.lineage);
  SP_CHECK(line != nullptr);
  if (line->layers.empty()) {
    line_.dropped = true;  // of a line that is gone only this is known
  } else {
    line_ = *line;
  }
}

block::BlockDeviceInfo Volume::info() const {
  return {.size_bytes = line_.newest().size_bytes, .read_only = identity_.read_only};
}

ChainSession& Volume::SessionOf(ChunkIndex chunk) {
  const uint16_t index =
      placement::Locate(identity_.lineage, chunk, static_cast<uint32_t>(chains_.size()));
  std::unique_ptr<ChainSession>& session = chains_[index];
  if (session == nullptr) {
    const ChainId chain(line_.table, index);
    const auto floor = identity_.floors.find(chain);
    session = std::make_unique<ChainSession>(
        chain, floor == identity_.floors.end() ? Epoch() : floor->second, context_.directory,
        context_.connections, context_.reactor, static_cast<LaneOwner&>(*this));
  }
  return *session;
}

void Volume::End(const absl::Status& reason) {
  SP_CHECK(!reason.ok());
  if (!ended_.ok()) return;
  ended_ = reason;
  for (const auto& chain : chains_) {
    if (chain == nullptr) continue;
    while (Request* request = chain->Any()) {
      chain->End(request);
      FinishPart(request, reason);
    }
  }
  List<Call> now;
  std::swap(now, soon_);
  while (Call* call = now.PopFront()) Finish(call);
}

bool Volume::busy() const {
  if (!soon_.empty()) return true;
  return std::any_of(chains_.begin(), chains_.end(),
                     [](const auto& chain) { return chain != nullptr && chain->Any() != nullptr; });
}

void Volume::OnChain(ChainId chain) {
  if (chain.table() != line_.table || chain.index() >= chains_.size()) return;
  ChainSession* session = chains_[chain.index()].get();
  if (session == nullptr) return;
  session->writes().OnChain();
  session->reads().OnChain();
}

void Volume::OnMap() {
  TakeLine();
  if (line_.dropped) {
    return End(absl::NotFoundError(absl::StrCat("volume ", name(), " was deleted")));
  }
  for (const auto& chain : chains_) {
    if (chain != nullptr) OnChain(chain->chain());
  }
}

void Volume::OnConnectionReady(const NodeConnection& connection) {
  for (const auto& chain : chains_) {
    if (chain == nullptr) continue;
    chain->writes().OnConnectionReady(connection);
    chain->reads().OnConnectionReady(connection);
  }
}

void Volume::OnConnectionLost(const NodeConnection& connection, bool was_ready) {
  for (const auto& chain : chains_) {
    if (chain == nullptr) continue;
    chain->writes().OnConnectionLost(connection, was_ready);
    chain->reads().OnConnectionLost(connection, was_ready);
  }
}

void Volume::OnTick() {
  for (const auto& chain : chains_) {
    if (chain == nullptr) continue;
    chain->writes().OnTick();
    chain->reads().OnTick();
  }
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
