// Who copies what a clone lacks from its foreign parents (design 9.4), and what layers hold, asked
// of the nodes on demand.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/leader.h"
#include "lib/metadata/volume_parts.h"

namespace storpool::metadata {
namespace {

constexpr uint32_t kFillStep = 64;  // chunks between two notes in the log
// After an error, before another session tries again: the client waits as long by itself.
constexpr Duration kFillRest = Duration::Seconds(5);

}  // namespace

// The connected client with the fewest fills; 0 if there is none.
uint32_t Leader::ClientForFill() const {
  std::map<uint32_t, uint32_t> fills;
  for (const auto& [id, client] : state_.clients()) {
    if (live_.client(client.id()).up) fills[client.id()] = 0;
  }
  for (const auto& [lineage, fill] : state_.fills()) {
    if (const auto it = fills.find(fill.client()); it != fills.end()) ++it->second;
  }
  const auto least = std::min_element(
      fills.begin(), fills.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return least == fills.end() ? 0 : least->first;
}

void Leader::DecideFills() {
  for (const auto& [lineage, fill] : state_.fills()) {
    if (fill.done()) continue;
    const std::pair<uint32_t, uint32_t> session(fill.client(), fill.generation());
    if (fill.client() == 0) {
      const auto failed = failed_fills_.find(lineage);
      if (failed != failed_fills_.end() && reactor_.Now() < failed->second.rests_until) continue;
      const uint32_t client = ClientForFill();
      if (client != 0) ChangeFill(fill, client, 0, 0, false);
    } else if (!live_.client(fill.client()).up) {
      if (reactor_.Now() - live_.client(fill.client()).last_heard >= options_.ejection) {
        ChangeFill(fill, 0, 0, 0, false);
      }
    } else if (fill_orders_[lineage] != session) {
      fill_orders_[lineage] = session;
      SendFill(fill);
    }
  }
  const auto is_over = [&](uint64_t lineage) {
    const auto it = state_.fills().find(lineage);
    return it == state_.fills().end() || it->second.done();
  };
  std::erase_if(failed_fills_, [&](const auto& failed) { return is_over(failed.first); });
  std::erase_if(fill_orders_, [&](const auto& order) {
    const bool over = is_over(order.first);
    if (over) StopFill(order.first, order.second.first, order.second.second);
    return over;
  });
}

void Leader::ChangeFill(const FillRecord& fill, uint32_t client, uint32_t generation, uint32_t next,
                        bool done) {
  if (!changing_fills_.insert(fill.lineage()).second) return;
  Command command;
  FillChanged& change = *command.mutable_fill_changed();
  change.set_volume(fill.volume());
  change.set_client(client);
  change.set_generation(generation);
  change.set_next(next);
  change.set_done(done);
  Propose(std::move(command), [this, lineage = fill.lineage()](absl::StatusOr<CommandResult>) {
    changing_fills_.erase(lineage);
    const auto late = late_reports_.extract(lineage);
    if (!late.empty()) TakeFillReport(late.mapped().first, late.mapped().second);
    Changed();
  });
}

void Leader::SendFill(const FillRecord& fill) {
  PeerState* peer = FindPeer(Kind::kClient, fill.client());
  if (peer == nullptr) return;
  FromMetadata message;
  FillOrder& order = *message.mutable_fill();
  order.set_volume(fill.volume());
  order.set_generation(fill.generation());
  *order.mutable_line() = state_.WholeLine(fill.lineage());
  for (uint64_t parent : state_.Ancestors(fill.lineage())) {
    *order.add_parents() = state_.WholeLine(parent);
  }
  order.set_first(fill.next());
  order.set_end(fill.end());
  peer->link->Send(message);
}

void Leader::StopFill(uint64_t lineage, uint32_t client, uint32_t generation) {
  PeerState* peer = FindPeer(Kind::kClient, client);
  const Line* line = state_.FindLine(lineage);
  if (peer == nullptr) return;
  FromMetadata message;
  if (line != nullptr) message.mutable_fill()->set_volume(line->volume());
  message.mutable_fill()->mutable_line()->set_lineage(lineage);
  message.mutable_fill()->set_generation(generation);
  message.mutable_fill()->set_stop(true);
  peer->link->Send(message);
}

void Leader::Handle(PeerState& peer, const FillReport& message) {
  TakeFillReport(peer.id, message);
}

void Leader::TakeFillReport(uint32_t client, const FillReport& message) {
  for (const auto& [lineage, fill] : state_.fills()) {
    if (fill.volume() != message.volume() || fill.client() != client) continue;
    if (fill.generation() != message.generation() || fill.done()) continue;
    if (changing_fills_.contains(lineage)) {  // the newest one counts, once that is known
      late_reports_.insert_or_assign(lineage, std::pair(client, message));
      return;
    }
    if (!message.error().empty()) {
      FailedFill& failed = failed_fills_[lineage];
      const Volume* volume = state_.FindVolume(fill.volume());
      if (failed.error != message.error() && volume != nullptr) {
        AddAlarm(
            absl::StrCat("client ", client),
            absl::StrCat("the copying for ", Called(*volume), " stopped: ", message.error(),
                         "; another session goes on in ", kFillRest.millis() / 1000, " s"));
      }
      failed = {message.error(), reactor_.Now() + kFillRest};
      return ChangeFill(fill, 0, 0, 0, false);
    }
    if (!message.done() && message.next() < fill.next() + kFillStep) return;
    failed_fills_.erase(lineage);
    return ChangeFill(fill, fill.client(), fill.generation(), message.next(), message.done());
  }
}

// ---- Space -------------------------------------------------------------------------------------

void Leader::AskSpace(const std::set<uint64_t>& lineages, SpaceDone done, Caller caller) {
  SpaceQuestion question;
  question.deadline = reactor_.Now() + options_.space_time;
  question.done = std::move(done);
  question.caller = std::move(caller);
  std::map<uint32_t, std::set<uint64_t>> by_node;
  std::string& missing = question.space.missing;
  for (uint64_t lineage : lineages) {
    const Line* line = state_.FindLine(lineage);
    if (line == nullptr) continue;
    for (uint32_t raw : state_.ChainsOfTable(line->table())) {
      const ChainConfig& named = state_.FindChain(raw)->config().named();
      uint32_t tail = 0;
      for (const ChainMember& m : named.members()) {
        if (m.role() == CHAIN_ROLE_SERVING) tail = m.disk();
      }
      const DiskRecord* disk = state_.FindDisk(tail);
      if (!named.opened() || disk == nullptr) {
        missing = "some chains are not open";
      } else {
        by_node[disk->disk().node()].insert(lineage);
      }
    }
  }
  const uint64_t id = options_.term << 32 | next_question_++;
  for (const auto& [node, wanted] : by_node) {
    PeerState* peer = FindPeer(Kind::kNode, node);
    if (peer == nullptr) {
      missing = absl::StrCat("node ", node, " is not there");
      continue;
    }
    FromMetadata message;
    message.mutable_space()->set_id(id);
    for (uint64_t lineage : wanted) message.mutable_space()->add_lineages(lineage);
    question.waits_for.insert(node);
    peer->link->Send(message);
  }
  questions_.emplace(id, std::move(question));
  Changed();
}

void Leader::Handle(PeerState& peer, const SpaceAnswer& message) {
  const auto it = questions_.find(message.id());
  if (it == questions_.end() || !it->second.waits_for.contains(peer.id)) return;
  for (const LayerSpace& layer : message.layers()) {
    LayerSpace& sum = it->second.space.layers[{layer.lineage(), layer.layer()}];
    sum.set_stored_bytes(sum.stored_bytes() + layer.stored_bytes());
    sum.set_freed_bytes(sum.freed_bytes() + layer.freed_bytes());
  }
  if (!message.more()) it->second.waits_for.erase(peer.id);
  Changed();
}

void Leader::FinishQuestions() {
  std::vector<SpaceQuestion> finished;
  for (auto it = questions_.begin(); it != questions_.end();) {
    SpaceQuestion& question = it->second;
    const bool late = reactor_.Now() >= question.deadline;
    std::erase_if(question.waits_for, [&](uint32_t node) {
      if (!late && FindPeer(Kind::kNode, node) != nullptr) return false;
      question.space.missing = absl::StrCat("node ", node, " did not answer");
      return true;
    });
    const bool over = question.waits_for.empty() || question.caller.gone();
    if (over) finished.push_back(std::move(question));
    it = over ? questions_.erase(it) : std::next(it);
  }
  for (SpaceQuestion& question : finished) {
    if (question.caller.gone()) {
      question.done(absl::CancelledError("whoever asked has gone"));
    } else {
      question.done(std::move(question.space));
    }
  }
}

}  // namespace storpool::metadata
