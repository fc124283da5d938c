// Promotions in the background, as metadata orders them (design 9.4).
#include <iterator>

#include "absl/strings/str_cat.h"
#include "lib/client/client.h"
#include "lib/control/convert.h"

namespace storpool::client {

// A line that cannot be used is asked for when the fill needs it.
void Client::TakeLine(const Line& proto) {
  const absl::StatusOr<model::Line> line = control::ToModel(proto);
  if (line.ok()) TakeChanges(directory_.Apply(*line));
}

void Client::OnFillOrder(const FillOrder& order) {
  TakeLine(order.line());
  for (const Line& parent : order.parents()) TakeLine(parent);
  const VolumeId volume(order.volume());
  if (order.stop()) return StopFill(order);
  const auto it = fills_in_order_.find(volume);
  if (it != fills_in_order_.end() && it->second.order.generation() > order.generation()) return;
  if (it != fills_in_order_.end()) {
    const bool same = it->second.order.generation() == order.generation() &&
                      it->second.order.end() == order.end();
    if (same) return SayFilled(it->second);
    EndFill(it->second, absl::CancelledError("metadata has ended the fill"));
    fills_in_order_.erase(it);
  }
  fills_in_order_[volume].order = order;
  StartFills();
}

// By its lineage: the volume may be gone.
void Client::StopFill(const FillOrder& order) {
  for (auto it = fills_in_order_.begin(); it != fills_in_order_.end();) {
    const auto next = std::next(it);
    const FillOrder& running = it->second.order;
    if (running.line().lineage() == order.line().lineage() &&
        running.generation() <= order.generation()) {
      EndFill(it->second, absl::CancelledError("metadata has ended the fill"));
      fills_in_order_.erase(it);
    }
    it = next;
  }
}

void Client::StartFills() {
  for (auto& [volume, fill] : fills_in_order_) {
    const FillOrder& order = fill.order;
    const LineageId lineage(order.line().lineage());
    if (fill.session != nullptr || fill.over || !FollowLines(lineage, LayerId())) continue;
    VolumeIdentity identity;
    identity.session = {volume, options_.id, Generation(order.generation())};
    identity.name = absl::StrCat("#", volume.value());
    identity.lineage = lineage;
    const int parents = order.parents_size();
    // The last one's own parent stays that of the volume: a rebase.
    const bool holes = parents > 0 && order.parents(parents - 1).has_foreign_parent();
    if (holes) identity.parents_max = static_cast<size_t>(parents);
    fill.session = std::make_unique<FillSession>(
        context_, std::move(identity), static_cast<VolumeEvents&>(*this), order.first(),
        order.end(), holes, [this, &fill] { SayFilled(fill); });
    fill.session->Start();
  }
}

void Client::SayFilled(const Fill& fill) {
  if (!registered_ || fill.session == nullptr) return;
  ToMetadata message;
  FillReport& report = *message.mutable_fill();
  report.set_volume(fill.order.volume());
  report.set_generation(fill.order.generation());
  report.set_next(fill.session->next());
  report.set_done(fill.session->done());
  const absl::Status& ended = fill.session->volume().ended();
  report.set_error(ended.ok() ? fill.session->error() : std::string(ended.message()));
  metadata_.Send(message);
}

// Its volume goes in a turn of its own: this may be a call of it.
void Client::EndFill(Fill& fill, const absl::Status& reason) {
  if (fill.session == nullptr) return;
  const bool fenced = !fill.session->volume().ended().ok();
  fill.session->volume().End(reason);
  if (fenced) SayFilled(fill);  // else it is metadata that has ended it
  fill.over = true;
  ended_fills_.push_back(std::move(fill.session));
  reap_.StartIn(kTick);
}

}  // namespace storpool::client
