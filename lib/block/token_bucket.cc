#include "lib/block/token_bucket.h"

#include <algorithm>

namespace storpool::block {
namespace {

using Wide = unsigned __int128;
constexpr uint64_t kNanosInSecond = 1000000000;
// No debt is longer, whatever a single request asks for.
constexpr int64_t kDebtNanosMax = int64_t{3600} * 1000000000;

}  // namespace

void TokenBucket::SetRate(uint64_t rate, Instant now) {
  if (rate_ != 0 && rate != 0 && paid_until_ > now) {
    const Wide debt = static_cast<Wide>((paid_until_ - now).nanos()) * rate_ / rate;
    const auto nanos = static_cast<int64_t>(std::min<Wide>(debt, kDebtNanosMax));
    paid_until_ = now + Duration::Nanos(nanos);
  } else {
    paid_until_ = now;
  }
  rate_ = rate;
  remainder_ = 0;
}

Instant TokenBucket::FreeAt() const { return rate_ == 0 ? Instant() : paid_until_ - kBurst; }

void TokenBucket::Take(uint64_t units, Instant now) {
  if (rate_ == 0) return;
  if (paid_until_ < now) paid_until_ = now;
  const Wide cost = static_cast<Wide>(units) * kNanosInSecond + remainder_;
  remainder_ = static_cast<uint64_t>(cost % rate_);
  const auto nanos = static_cast<int64_t>(std::min<Wide>(cost / rate_, kDebtNanosMax));
  paid_until_ = paid_until_ + Duration::Nanos(nanos);
}

}  // namespace storpool::block
