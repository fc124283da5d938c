#include "lib/client/turns.h"

#include <algorithm>

#include "lib/base/limits.h"
#include "lib/client/request.h"

namespace storpool::client {
namespace {

// What a volume may send in one turn: the size of the largest part, so that every turn has one.
constexpr uint64_t kTurnBytes = kRequestBytesMax;

uint64_t BytesOf(const Call& call) {
  const block::BlockIo& io = *call.io;
  return io.op == block::BlockOp::kRead || io.op == block::BlockOp::kWrite ? io.size_bytes : 0;
}

}  // namespace

bool Turns::MayGo(const TurnTaker& taker) const {
  const bool own_share =
      taker.requests_out_ < kVolumeRequestsOut && taker.bytes_out_ < kVolumeBytesOut;
  return own_share || (requests_out_ < kClientRequestsOutMax && bytes_out_ < kClientBytesOutMax);
}

void Turns::GoOut(TurnTaker& taker, const Call& call) {
  ++taker.requests_out_;
  ++requests_out_;
  taker.bytes_out_ += BytesOf(call);
  bytes_out_ += BytesOf(call);
}

bool Turns::Ask(TurnTaker& taker, Call* call) {
  // Beyond its own share it goes behind those that wait.
  const bool own_share =
      taker.requests_out_ < kVolumeRequestsOut && taker.bytes_out_ < kVolumeBytesOut;
  if (!taker.waits() && MayGo(taker) && (own_share || queue_.empty())) {
    GoOut(taker, *call);
    return true;
  }
  if (!taker.waits()) {
    taker.left_bytes_ = kTurnBytes;
    queue_.PushBack(&taker);
  }
  taker.waiting_.PushBack(call);
  return false;
}

void Turns::Done(TurnTaker& taker, const Call& call) {
  --taker.requests_out_;
  --requests_out_;
  taker.bytes_out_ -= BytesOf(call);
  bytes_out_ -= BytesOf(call);
  NextTurns();
}

Call* Turns::TakeBack(TurnTaker& taker) {
  Call* call = taker.waiting_.PopFront();
  if (call != nullptr && !taker.waits()) queue_.Remove(&taker);
  return call;
}

void Turns::NextTurns() {
  if (in_turn_) return;
  in_turn_ = true;
  // Whoever may go is looked for once around: one that may not has used its share, and the room of
  // all is used up then.
  for (TurnTaker* taker = queue_.front(); taker != nullptr;) {
    TurnTaker* next = List<TurnTaker>::After(taker);
    if (!MayGo(*taker)) {
      taker = next;
      continue;
    }
    Call* call = taker->waiting_.PopFront();
    const uint64_t cost = std::max<uint64_t>(BytesOf(*call), kBlockBytes);
    taker->left_bytes_ -= std::min(cost, taker->left_bytes_);
    if (!taker->waits()) {
      queue_.Remove(taker);
    } else if (taker->left_bytes_ == 0) {
      taker->left_bytes_ = kTurnBytes;
      queue_.Remove(taker);
      queue_.PushBack(taker);
    }
    GoOut(*taker, *call);
    taker->OnTurn(call);
    taker = queue_.front();
  }
  in_turn_ = false;
}

}  // namespace storpool::client
