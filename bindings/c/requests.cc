#include "bindings/c/requests.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bindings/c/errors.h"
#include "lib/base/check.h"

namespace storpool::capi {
namespace {

// Writes are copied and sent in pieces of so much, at multiples of it: bounds the memory of a
// request, and is the largest that the pool keeps.
constexpr uint64_t kCopyBytesMax = 2 << 20;

}  // namespace

class Requests::Request final : public block::BlockIo {
 public:
  explicit Request(Requests& owner) : owner_(owner) {}

  Target& about() const { return *about_; }

  void Prepare(Target& about, const Wanted& wanted) {
    about_ = &about;
    wanted_ = wanted;
    op = wanted.op;
    offset_bytes = wanted.offset_bytes;
    size_bytes = wanted.size_bytes;
    target = {};
    if (op == block::BlockOp::kRead) target = {wanted.memory, wanted.size_bytes};
  }

  void Start() {
    if (op != block::BlockOp::kWrite) return about_->device->Start(this);
    // The whole of it, before the first piece is written.
    const uint64_t end = about_->device->info().size_bytes;
    if (offset_bytes > end || size_bytes > end - offset_bytes) {
      return OnDone(absl::OutOfRangeError(
          absl::StrCat("a write goes beyond the end of the volume, which has ", end, " bytes")));
    }
    StartPiece(0);
  }

  void OnDone(const absl::Status& status) override {
    payload = Buffer();
    const uint64_t next = offset_bytes + size_bytes - wanted_.offset_bytes;
    if (op == block::BlockOp::kWrite && status.ok() && next < wanted_.size_bytes) {
      return StartPiece(next);
    }
    const std::string message = status.ok() ? "" : std::string(status.message());
    wanted_.done(wanted_.context, ErrorOf(status), message.c_str());
    owner_.Return(this);
  }

 private:
  void StartPiece(uint64_t at) {
    offset_bytes = wanted_.offset_bytes + at;
    size_bytes = std::min(kCopyBytesMax - offset_bytes % kCopyBytesMax, wanted_.size_bytes - at);
    payload = about_->device->pool().Copy({wanted_.memory + at, size_bytes});
    about_->device->Start(this);
  }

  Requests& owner_;
  Target* about_ = nullptr;
  Wanted wanted_;
};

Requests::Requests(embed::ClientServer& client) : client_(client) {}

Requests::~Requests() {
  SP_CHECK(submitted_.empty());
  for (const auto& request : all_) SP_CHECK(request->payload.empty());
}

bool Requests::Submit(Target& target, const Wanted& wanted) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (target.closing) return false;
    if (spare_.empty()) {
      all_.push_back(std::make_unique<Request>(*this));
      spare_.Push(all_.back().get());
    }
    auto* request = static_cast<Request*>(spare_.Pop());
    request->Prepare(target, wanted);
    ++target.under_way;
    wake = submitted_.empty();
    submitted_.Push(request);
  }
  if (wake) client_.Post([this] { StartSubmitted(); });
  return true;
}

void Requests::StartSubmitted() {
  block::IoQueue now;
  {
    const std::lock_guard lock(mutex_);
    now.Swap(submitted_);
  }
  while (!now.empty()) static_cast<Request*>(now.Pop())->Start();
}

void Requests::Return(Request* request) {
  const std::lock_guard lock(mutex_);
  Target& target = request->about();
  spare_.Push(request);
  // Below the lock: a target may go as soon as Close has seen that it is idle.
  if (--target.under_way == 0 && target.closing) idle_.notify_all();
}

void Requests::Close(Target& target) {
  std::unique_lock lock(mutex_);
  target.closing = true;
  idle_.wait(lock, [&target] { return target.under_way == 0; });
}

}  // namespace storpool::capi
