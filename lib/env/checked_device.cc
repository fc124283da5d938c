#include "lib/env/checked_device.h"

#include <iterator>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"

namespace storpool::env {
namespace {

constexpr size_t kSlicesMax = 1024;  // what systems take in one request

uint64_t SizeOf(const DeviceIo& io) {
  if (io.op == DeviceIo::Op::kDiscard) return io.discard_bytes;
  uint64_t size = 0;
  for (const IoSlice& slice : io.slices) size += slice.size_bytes;
  return size;
}

uint32_t CrcOf(const DeviceIo& io) {
  uint32_t crc = 0;
  for (const IoSlice& slice : io.slices) crc = Crc32c(slice.data, slice.size_bytes, crc);
  return crc;
}

bool Changes(const DeviceIo& io) {
  return io.op == DeviceIo::Op::kWrite || io.op == DeviceIo::Op::kDiscard;
}

}  // namespace

class CheckedDevice::Request : public DeviceIo {
 public:
  Request(CheckedDevice* owner, DeviceIo* outer) : outer_(outer), owner_(owner) {
    op = outer->op;
    durable = outer->durable;
    offset_bytes = outer->offset_bytes;
    discard_bytes = outer->discard_bytes;
    slices = outer->slices;
    if (op == Op::kWrite) crc_ = CrcOf(*this);
  }
  void OnDone(const absl::Status& status) override { owner_->Done(this, status); }
  DeviceIo* outer() const { return outer_; }
  bool MemoryUnchanged() const { return op != Op::kWrite || crc_ == CrcOf(*this); }

 private:
  DeviceIo* outer_;
  CheckedDevice* owner_;
  uint32_t crc_ = 0;
};

CheckedDevice::CheckedDevice(std::unique_ptr<Device> device) : device_(std::move(device)) {}

// The device goes before the requests that it may still refer to.
CheckedDevice::~CheckedDevice() { device_ = nullptr; }

void CheckedDevice::CheckShape(const DeviceIo& io) const {
  const uint64_t sector = info().sector_bytes;
  const uint64_t size = SizeOf(io);
  SP_CHECK(io.offset_bytes % sector == 0 && size % sector == 0);
  SP_CHECK(size <= info().size_bytes && io.offset_bytes <= info().size_bytes - size);
  SP_CHECK(!io.durable || io.op == DeviceIo::Op::kWrite);
  SP_CHECK(io.slices.size() <= kSlicesMax);
  for (const IoSlice& slice : io.slices) {
    SP_CHECK(reinterpret_cast<uintptr_t>(slice.data) % sector == 0);
    SP_CHECK(slice.size_bytes > 0 && slice.size_bytes % sector == 0);
  }
  const bool has_slices = io.op == DeviceIo::Op::kRead || io.op == DeviceIo::Op::kWrite;
  SP_CHECK(has_slices == !io.slices.empty());
  SP_CHECK((io.op == DeviceIo::Op::kDiscard) == (io.discard_bytes > 0));
}

void CheckedDevice::Queue(DeviceIo* io) {
  CheckShape(*io);
  SP_CHECK(!under_way_.contains(io));
  if (Changes(*io)) {
    const uint64_t end = io->offset_bytes + SizeOf(*io);
    const auto next = changing_.lower_bound(io->offset_bytes);
    SP_CHECK(next == changing_.end() || next->first >= end);
    SP_CHECK(next == changing_.begin() || std::prev(next)->second <= io->offset_bytes);
    changing_[io->offset_bytes] = end;
  }
  auto request = std::make_unique<Request>(this, io);
  Request* raw = request.get();
  under_way_[io] = std::move(request);
  queueing_ = true;
  device_->Queue(raw);
  queueing_ = false;
}

void CheckedDevice::Done(Request* request, const absl::Status& status) {
  SP_CHECK(!queueing_);
  DeviceIo* io = request->outer();
  const auto it = under_way_.find(io);
  SP_CHECK(it != under_way_.end() && it->second.get() == request);
  SP_CHECK(request->MemoryUnchanged());
  if (Changes(*request)) changing_.erase(request->offset_bytes);
  under_way_.erase(it);
  io->OnDone(status);
}

}  // namespace storpool::env
