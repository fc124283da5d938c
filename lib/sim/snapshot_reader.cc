#include "lib/sim/snapshot_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/sim/stamp.h"

namespace storpool::sim {
namespace {

constexpr uint64_t kPieceBytes = 1u << 20;

}  // namespace

struct SnapshotReader::Piece final : block::BlockIo {
  explicit Piece(SnapshotReader& r) : reader(r) {}
  void OnDone(const absl::Status& status) override { reader.OnRead(status); }
  SnapshotReader& reader;
  std::vector<uint8_t> memory;
};

SnapshotReader::SnapshotReader() = default;
SnapshotReader::~SnapshotReader() { SP_CHECK(volume_ == nullptr); }

void SnapshotReader::Begin(std::string name, std::vector<Workload::Range> places) {
  name_ = std::move(name);
  places_.clear();
  for (const Workload::Range& place : places) {
    for (uint64_t at = 0; at < place.size_bytes; at += kPieceBytes) {
      places_.push_back({place.offset_bytes + at, std::min(kPieceBytes, place.size_bytes - at)});
    }
  }
  done_ = false;
  SP_CHECK(volume_ == nullptr);
}

void SnapshotReader::OnVolume(client::Volume& volume, env::Reactor&) {
  volume_ = &volume;
  detaching_ = false;
  next_ = 0;
  picture_.clear();
  if (!done_) Next();
}

void SnapshotReader::OnVolumeGone() {
  volume_ = nullptr;
  piece_.reset();
}

void SnapshotReader::Next() {
  if (next_ == places_.size()) return Finish(absl::OkStatus());
  piece_ = std::make_unique<Piece>(*this);
  piece_->offset_bytes = places_[next_].offset_bytes;
  piece_->size_bytes = places_[next_].size_bytes;
  piece_->memory.resize(piece_->size_bytes, 0xee);
  piece_->target = piece_->memory;
  volume_->Start(piece_.get());
}

void SnapshotReader::OnRead(const absl::Status& status) {
  const std::unique_ptr<Piece> piece = std::move(piece_);
  // The end of the session: what follows is OnVolumeGone, and perhaps another one.
  if (absl::IsAborted(status) || absl::IsPermissionDenied(status) || detaching_) return;
  if (!status.ok()) {
    return Finish(absl::Status(status.code(), absl::StrCat("read at ", piece->offset_bytes, ": ",
                                                           std::string(status.message()))));
  }
  const uint64_t first = piece->offset_bytes / kSectorBytes;
  const absl::StatusOr<std::vector<uint64_t>> stamps = ReadStamps(first, piece->memory);
  if (!stamps.ok()) return Finish(absl::InternalError(stamps.status().message()));
  for (size_t i = 0; i < stamps->size(); ++i) picture_[first + i] = (*stamps)[i];
  ++next_;
  Next();
}

void SnapshotReader::Finish(const absl::Status& status) {
  done_ = true;
  status_ = status;
}

}  // namespace storpool::sim
