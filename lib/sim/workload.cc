#include "lib/sim/workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/sim/stamp.h"

namespace storpool::sim {
namespace {

constexpr Duration kLookAgain = Duration::Millis(20);
constexpr uint64_t kReadPieceBytes = 1u << 20;
constexpr uint64_t kPlaces = 64;
constexpr uint64_t kPlaceBlocks = 8;

const char* NameOf(block::BlockOp op) {
  switch (op) {
    case block::BlockOp::kRead:
      return "read";
    case block::BlockOp::kWrite:
      return "write";
    default:
      return "trim";
  }
}

}  // namespace

struct Workload::Op final : block::BlockIo {
  Op(Workload& w, Lane& l) : workload(w), lane(l) {}
  void OnDone(const absl::Status& status) override { workload.OnEnd(this, status); }

  uint64_t first_sector() const { return offset_bytes / kSectorBytes; }
  uint64_t sectors() const { return size_bytes / kSectorBytes; }

  Workload& workload;
  Lane& lane;
  uint64_t number = 0;
  SectorHistory::OpId id = 0;
  WriteLog::WriteId write = 0;
  Instant began;
  std::vector<uint8_t> memory;
};

struct Workload::Lane {
  Lane(Workload& workload, env::Reactor& reactor)
      : pause(reactor, [this, &workload] { workload.Next(*this); }) {}
  env::Timer pause;
};

Workload::Workload(World& world, const WorkloadOptions& options, EventOrder& clock)
    : world_(world), options_(options), random_(world.random().Fork()), log_(clock) {
  // A few blocks here, the border of two chunks there, room for large ones, a lone sector; and
  // places that are left for good after a second, so that nothing hides what happened to them.
  areas_ = {{0, 8 * kBlockBytes},
            {kChunkBytes - 4 * kBlockBytes, 8 * kBlockBytes},
            {2 * uint64_t{kChunkBytes}, kRequestBytesMax},
            {3 * uint64_t{kChunkBytes} + 100 * kBlockBytes, 3 * kBlockBytes},
            {4 * uint64_t{kChunkBytes}, kPlaces * kPlaceBlocks * kBlockBytes}};
  SP_CHECK(options.volume_bytes >= 5 * uint64_t{kChunkBytes});
}

Workload::~Workload() { SP_CHECK(volume_ == nullptr); }

void Workload::Run(bool run) { running_ = run; }

void Workload::BeginWith(const WriteLog::Picture& held, uint64_t first_stamp) {
  SP_CHECK(counts_.begun == 0);
  next_stamp_ = first_stamp;
  for (const auto& [sector, stamp] : held) {
    history_.WriteEnded(history_.WriteBegan(sector, 1, stamp), true);
  }
}

bool Workload::has_whole() const {
  uint64_t bytes = 0;
  for (const Range& area : areas_) bytes += area.size_bytes;
  return whole_.size() == bytes / kSectorBytes;
}

void Workload::ReadEverything() {
  whole_.clear();
  for (const Range& area : areas_) {
    for (uint64_t at = 0; at < area.size_bytes; at += kReadPieceBytes) {
      to_read_.push_back({area.offset_bytes + at, std::min(kReadPieceBytes, area.size_bytes - at)});
    }
  }
}

void Workload::OnVolume(client::Volume& volume, env::Reactor& reactor) {
  SP_CHECK(volume_ == nullptr);
  volume_ = &volume;
  ++counts_.sessions;
  // The grant came under the fence of the former session (5.9).
  history_.SessionEnded();
  log_.SessionEnded();
  for (int i = 0; i < options_.requests_under_way; ++i) {
    lanes_.push_back(std::make_unique<Lane>(*this, reactor));
    lanes_.back()->pause.StartIn(Duration::Micros(static_cast<int64_t>(random_.Below(1000))));
  }
}

void Workload::OnVolumeGone() {
  volume_ = nullptr;
  detaching_ = false;
  counts_.dropped += ops_.size();
  // The history keeps the writes open: they may happen until the next grant.
  ops_.clear();
  lanes_.clear();
}

void Workload::Next(Lane& lane) {
  if (detaching_) return lane.pause.StartIn(kLookAgain);
  auto op = std::make_unique<Op>(*this, lane);
  if (!to_read_.empty()) {
    op->op = block::BlockOp::kRead;
    op->offset_bytes = to_read_.back().offset_bytes;
    op->size_bytes = to_read_.back().size_bytes;
    to_read_.pop_back();
  } else if (running_) {
    Choose(*op);
  } else {
    return lane.pause.StartIn(kLookAgain);
  }
  Begin(std::move(op));
}

Workload::Range Workload::ChooseRange(bool whole_blocks) {
  const size_t index = std::min<size_t>(random_.Below(areas_.size() + 1), areas_.size() - 1);
  Range area = areas_[index];
  if (index == areas_.size() - 1) {
    const auto second = static_cast<uint64_t>(world_.now().nanos()) / 1'000'000'000;
    area.offset_bytes += second % kPlaces * kPlaceBlocks * kBlockBytes;
    area.size_bytes = kPlaceBlocks * kBlockBytes;
  }
  const uint64_t unit = whole_blocks ? kBlockBytes : kSectorBytes;
  const uint64_t units = area.size_bytes / unit;
  const uint64_t first = random_.Below(random_.OneIn(3, 4) ? std::min<uint64_t>(units, 8) : units);
  // Mostly one or a few units, seldom all that fits.
  uint64_t count = 1 + random_.Below(4);
  if (random_.OneIn(1, 40)) count = 1 + random_.Below(units);
  return {area.offset_bytes + first * unit, std::min(count, units - first) * unit};
}

void Workload::Choose(Op& op) {
  const uint64_t dice = random_.Below(100);
  op.op = dice < 40   ? block::BlockOp::kRead
          : dice < 90 ? block::BlockOp::kWrite
          : dice < 96 ? block::BlockOp::kTrim
                      : block::BlockOp::kWriteZeroes;
  const Range range = ChooseRange(random_.OneIn(2, 3));
  op.offset_bytes = range.offset_bytes;
  op.size_bytes = range.size_bytes;
}

void Workload::Begin(std::unique_ptr<Op> op) {
  Op& o = *op;
  o.number = ++counts_.begun;
  o.began = world_.now();
  switch (o.op) {
    case block::BlockOp::kRead:
      ++counts_.reads;
      o.memory.resize(o.size_bytes, 0xee);
      o.target = o.memory;
      o.id = history_.ReadBegan(o.first_sector(), o.sectors());
      break;
    case block::BlockOp::kWrite: {
      ++counts_.writes;
      const uint64_t stamp = next_stamp_++;
      o.payload = volume_->pool().Allocate(o.size_bytes);
      FillStamps(stamp, o.first_sector(), o.payload.span());
      o.id = history_.WriteBegan(o.first_sector(), o.sectors(), stamp);
      o.write = log_.WriteBegan(o.first_sector(), o.sectors(), stamp);
      break;
    }
    default:
      ++counts_.trims;
      o.id = history_.WriteBegan(o.first_sector(), o.sectors(), 0);
      o.write = log_.WriteBegan(o.first_sector(), o.sectors(), 0);
      break;
  }
  ops_[o.number] = std::move(op);
  volume_->Start(&o);
}

void Workload::OnEnd(Op* op, const absl::Status& status) {
  const auto it = ops_.find(op->number);
  SP_CHECK(it != ops_.end());
  const std::unique_ptr<Op> owned = std::move(it->second);
  ops_.erase(it);
  ++counts_.ended;
  counts_.longest = std::max(counts_.longest, world_.now() - op->began);
  world_.trace().Add(op->number << 8 | static_cast<uint64_t>(status.code()));
  if (!status.ok()) ++counts_.failed;
  if (op->op == block::BlockOp::kRead) {
    if (status.ok()) {
      Check(*op);
    } else {
      history_.ReadFailed(op->id);
    }
  } else if (status.ok()) {
    history_.WriteEnded(op->id, true);
    log_.WriteAcknowledged(op->write);
    counts_.bytes_written += op->size_bytes;
  }
  // Only the end of its session may fail a request; then its write stays open until the next grant.
  const bool media = options_.may_lose_reads && absl::IsDataLoss(status);
  if (!status.ok() && !media && !absl::IsAborted(status) && !absl::IsPermissionDenied(status)) {
    Fail(absl::Status(status.code(),
                      absl::StrCat(NameOf(op->op), " of ", op->size_bytes, " at ", op->offset_bytes,
                                   " failed: ", std::string(status.message()))));
  }
  const uint64_t pause = random_.Below(static_cast<uint64_t>(options_.pause_max.nanos()) + 1);
  op->lane.pause.StartIn(Duration::Nanos(static_cast<int64_t>(pause)));
}

void Workload::Check(const Op& op) {
  const absl::StatusOr<std::vector<uint64_t>> stamps = ReadStamps(op.first_sector(), op.memory);
  if (!stamps.ok()) {
    history_.ReadFailed(op.id);
    return Fail(stamps.status());
  }
  const absl::Status verdict = history_.ReadEnded(op.id, *stamps);
  log_.Seen(op.first_sector(), *stamps);
  if (!running_) {
    for (size_t i = 0; i < stamps->size(); ++i) whole_[op.first_sector() + i] = (*stamps)[i];
  }
  if (!verdict.ok()) {
    Fail(absl::DataLossError(absl::StrCat("I4: read of ", op.size_bytes, " at ", op.offset_bytes,
                                          ": ", std::string(verdict.message()))));
  }
}

void Workload::Fail(const absl::Status& status) {
  if (verdict_.ok()) verdict_ = status;
}

std::string Workload::Describe() const {
  std::string text;
  for (const auto& [number, op] : ops_) {
    absl::StrAppend(&text, "  ", NameOf(op->op), " of ", op->size_bytes, " at ", op->offset_bytes,
                    " since ", op->began.nanos() / 1'000'000, " ms\n");
  }
  return text;
}

}  // namespace storpool::sim
