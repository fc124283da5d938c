// Cleaning: live blocks of the worst segments move to survivor streams, then a checkpoint lets the
// emptied segments go (design 4.9, 4.10).
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/chunkstore/chunk_store_impl.h"

namespace storpool::chunkstore {
namespace {

// A victim must free at least this part of itself.
constexpr uint32_t kLeastGain = 24;

}  // namespace

bool ChunkStoreImpl::NeedsSpace() const { return segments_.free_count() < room().low_segments(); }

bool ChunkStoreImpl::NeedsMaintenance() const {
  // Writing the whole index costs: not before the log has grown by four times its size.
  const uint64_t index_bytes = state_.index().bytes();
  return NeedsSpace() || writers_[0]->bytes_written() - checkpointed_log_bytes_ >=
                             std::max(checkpoint_log_bytes_, 4 * index_bytes);
}

// Not when it has given up and nothing has changed since: it would only do the same again, for
// ever.
bool ChunkStoreImpl::MaintenanceMayHelp() const {
  return failure_.ok() && NeedsMaintenance() && gave_up_at_ != segments_.changes();
}

void ChunkStoreImpl::KickMaintenance() {
  // A log that waits for a segment cannot be closed without it.
  if (maintaining_ || (closing_ && !log_waits_) || !MaintenanceMayHelp()) return;
  maintaining_ = true;
  maintenance_ = Maintain();
  maintenance_.Start();
}

Task ChunkStoreImpl::Maintain() {
  ScheduleBatch();
  co_await Progress{*this};  // not from within the call that needed it
  uint32_t without_gain = 0;
  while (failure_.ok() && (!closing_ || log_waits_) && NeedsMaintenance() && without_gain < 8) {
    const uint32_t before = segments_.free_count();
    if (NeedsSpace()) {
      if (!ChooseVictim() && segments_.CountEmptied() == 0) break;
      SP_RETURN_CO(co_await MakeSpace());
    }
    SP_RETURN_CO(co_await Checkpoint());
    if (segments_.free_count() > before) {
      without_gain = 0;
    } else {
      ++without_gain;
    }
  }
  maintaining_ = false;
  gave_up_at_.reset();
  if (NeedsSpace()) gave_up_at_ = segments_.changes();
  ScheduleBatch();
  co_return absl::OkStatus();
}

// Cleans as much as the free segments allow, leaving enough for the checkpoint that frees them.
Task ChunkStoreImpl::MakeSpace() {
  const Room r = room();
  const uint32_t wanted = r.enough_segments();
  std::vector<uint32_t> victims;
  while (failure_.ok()) {
    // What is still on its way from a victim counts as moved.
    const auto moving = std::count_if(victims.begin(), victims.end(),
                                      [this](uint32_t v) { return segments_[v].live_blocks > 0; });
    const auto emptied = segments_.CountEmptied() + static_cast<uint32_t>(moving);
    if (segments_.free_count() + emptied >= wanted) break;
    if (segments_.free_count() < r.cleaning_segments()) break;  // the checkpoint frees some
    const std::optional<uint32_t> victim = ChooseVictim();
    if (!victim) break;
    victims.push_back(*victim);
    clean_tried_[*victim] = checkpoints_begun_ + 1;
    SP_RETURN_CO(co_await Clean(*victim));
  }
  for (const StreamId s : {StreamId::kSurvivors1, StreamId::kSurvivors2}) {
    while (failure_.ok() && !writer(s).idle()) {
      writer(s).Poke();
      co_await Progress{*this};
    }
  }
  SP_RETURN_CO(failure_);
  for (const uint32_t victim : victims) SetAside(victim);
  co_return absl::OkStatus();
}

// The highest (1 - u) age^0.7 / (1 + u), age in segments opened since; when room is short simply
// the emptiest.
std::optional<uint32_t> ChunkStoreImpl::ChooseVictim() const {
  const bool short_of_room = segments_.free_count() <= room().kept_segments();
  const uint64_t blocks = segments_.segment_bytes() / kBlockBytes;
  std::optional<uint32_t> best;
  double best_score = -1;
  for (uint32_t i = 0; i < segments_.size(); ++i) {
    const SegmentTable::Segment& s = segments_[i];
    if (s.state != SegmentTable::State::kClosed || s.stream == StreamId::kIndex ||
        s.live_blocks == 0 || s.live_blocks + blocks / kLeastGain >= blocks ||
        s.unreadable_blocks > 0 || clean_tried_[i] == checkpoints_begun_ + 1) {
      continue;
    }
    const double u = static_cast<double>(s.live_blocks) / static_cast<double>(blocks);
    const auto age = static_cast<double>(segments_.last_sequence() - s.sequence + 1);
    const double score = short_of_room ? 1 - u : (1 - u) * std::pow(age, 0.7) / (1 + u);
    if (score > best_score) {
      best_score = score;
      best = i;
    }
  }
  return best;
}

// What has come through the gate is discarded before it is used again (4.10), where the device says
// that this is worth it. A device that cannot after all only loses that.
Task ChunkStoreImpl::FreeSegments() {
  const std::vector<uint32_t> released = segments_.ReleaseWhatMay();
  for (const uint32_t segment : released) {
    if (discards_) {
      const absl::Status status =
          co_await DiscardDevice(device_, segments_.OffsetOf(segment), segments_.segment_bytes());
      if (!status.ok()) {
        discards_ = false;
        log_sink_.Log(env::LogLevel::kWarning, "chunkstore",
                      "disk " + std::to_string(identity_.disk.value()) +
                          ": freed space is discarded no more: " + std::string(status.message()));
      }
    }
    segments_.Free(segment);
    if (std::exchange(log_waits_, false) || denied_) ScheduleBatch();
  }
  co_return absl::OkStatus();
}

}  // namespace storpool::chunkstore
