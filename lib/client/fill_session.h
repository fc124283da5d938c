// The promotion of a clone, or a part of it, in the background (design 9.4): a session of its own
// that copies from foreign parents what the lineage lacks, chunk by chunk, in pieces of 1 MiB.
//
// Invariants: at most kFillPiecesMax pieces are under way; while requests of users are under way
// one at most, and it rests afterwards as long as it took. A piece ends only when its blocks are in
// the lineage; one that fails is tried again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "lib/client/volume.h"

namespace storpool::client {

inline constexpr size_t kFillPiecesMax = 4;

class FillSession final : private env::PhaseHook {
 public:
  // `first` and `end`: chunks. `holes`: what reads as zeroes in the parents is copied too.
  // `on_progress` is called on the reactor when next(), done() or error() has changed.
  FillSession(VolumeContext& context, VolumeIdentity identity, VolumeEvents& events, uint32_t first,
              uint32_t end, bool holes, absl::AnyInvocable<void()> on_progress);
  ~FillSession() override;

  void Start();
  Volume& volume() { return volume_; }
  uint32_t next() const;  // all chunks before it are done
  bool done() const { return next() == end_; }
  const std::string& error() const { return error_; }  // why it does not go on

 private:
  class Piece final : public FillPieceEvents {
   public:
    FillSession* owner = nullptr;
    bool under_way = false;
    bool failed = false;  // to be tried again
    Part part;
    Instant begun;
    void OnFilled(const absl::Status& status) override { owner->OnPiece(*this, status); }
  };

  void Pump();
  void Begin(Piece& piece);
  bool NextPart(Part* part);
  void OnPiece(Piece& piece, const absl::Status& status);
  void OnPhase(env::Phase) override { Pump(); }

  VolumeContext& context_;
  Volume volume_;
  const bool holes_;
  const uint32_t end_;
  uint32_t chunk_;      // of the next piece
  uint32_t block_ = 0;  // and its first block there
  uint32_t said_ = 0;   // the last next() that was told
  std::string error_;
  std::array<Piece, kFillPiecesMax> pieces_;
  absl::AnyInvocable<void()> on_progress_;
  env::Timer rest_;
};

}  // namespace storpool::client
