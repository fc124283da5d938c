#include "lib/client/fill_session.h"

#include <algorithm>
#include <utility>

#include "lib/client/times.h"

namespace storpool::client {

FillSession::FillSession(VolumeContext& context, VolumeIdentity identity, VolumeEvents& events,
                         uint32_t first, uint32_t end, bool holes,
                         absl::AnyInvocable<void()> on_progress)
    : context_(context),
      volume_(context, std::move(identity), events),
      holes_(holes),
      end_(std::max(first, end)),
      chunk_(first),
      said_(first),
      on_progress_(std::move(on_progress)),
      rest_(context.reactor, [this] { Pump(); }) {
  for (Piece& piece : pieces_) piece.owner = this;
}

FillSession::~FillSession() { context_.reactor.Unschedule(this); }

// Not from within: its owner has just made it.
void FillSession::Start() { context_.reactor.Schedule(env::Phase::kForward, this); }

uint32_t FillSession::next() const {
  uint32_t lowest = chunk_;
  for (const Piece& piece : pieces_) {
    if (piece.under_way || piece.failed) lowest = std::min(lowest, piece.part.chunk.value());
  }
  return lowest;
}

// Beyond the end of the parent, or of the volume, nothing is lacking.
bool FillSession::NextPart(Part* part) {
  const uint64_t lacking = volume_.parent_bytes();
  while (chunk_ < end_) {
    const uint64_t start = uint64_t{chunk_} * kChunkBytes;
    const uint64_t blocks =
        lacking <= start ? 0 : (lacking - start + kBlockBytes - 1) / kBlockBytes;
    const auto end = static_cast<uint32_t>(std::min<uint64_t>(blocks, kBlocksPerChunk));
    if (block_ >= end) {
      ++chunk_;
      block_ = 0;
      continue;
    }
    const uint32_t count = std::min(kRequestBlocksMax, end - block_);
    *part = {.chunk = ChunkIndex(chunk_),
             .first_sector = block_ * kSectorsPerBlock,
             .sectors = count * kSectorsPerBlock};
    block_ += count;
    return true;
  }
  return false;
}

void FillSession::Pump() {
  if (!volume_.ended().ok() || rest_.active()) return;
  const size_t most = context_.turns.busy() ? 1 : kFillPiecesMax;
  size_t under_way = 0;
  for (const Piece& piece : pieces_) under_way += piece.under_way;
  for (Piece& piece : pieces_) {
    if (under_way >= most) break;
    if (piece.under_way) continue;
    if (!piece.failed && !NextPart(&piece.part)) continue;
    ++under_way;
    Begin(piece);
  }
  if (next() == said_) return;
  said_ = next();
  on_progress_();
}

void FillSession::Begin(Piece& piece) {
  piece.under_way = true;
  piece.failed = false;
  piece.begun = context_.reactor.Now();
  volume_.Fill(piece.part, holes_, &piece);
}

void FillSession::OnPiece(Piece& piece, const absl::Status& status) {
  piece.under_way = false;
  piece.failed = !status.ok();
  if (!volume_.ended().ok()) return;
  if (piece.failed) {
    const std::string error(status.message());
    rest_.StartIn(kFillAgain);
    if (error != std::exchange(error_, error)) on_progress_();
    return;
  }
  if (std::none_of(pieces_.begin(), pieces_.end(), [](const Piece& p) { return p.failed; })) {
    error_.clear();
  }
  if (context_.turns.busy()) {
    rest_.StartIn(context_.reactor.Now() - piece.begun);
  } else {
    context_.reactor.Schedule(env::Phase::kForward, this);
  }
}

}  // namespace storpool::client
