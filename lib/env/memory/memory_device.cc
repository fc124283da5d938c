#include "lib/env/memory/memory_device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::env {

void MemoryDisk::FailOperations(uint64_t first, uint64_t count, absl::Status status) {
  for (uint64_t n = first; n < first + count; ++n) failing_[n] = status;
}

uint64_t MemoryDisk::Begin(const DeviceIo& io) {
  const uint64_t number = ++operations_;
  UnderWay op{io.offset_bytes, {}, 0, order_};
  if (io.op == DeviceIo::Op::kWrite) {
    for (const IoSlice& s : io.slices)
      op.bytes.insert(op.bytes.end(), s.data, s.data + s.size_bytes);
  } else if (io.op == DeviceIo::Op::kDiscard) {
    op.discard_bytes = io.discard_bytes;
  }
  if (!failing_.contains(number)) under_way_[number] = std::move(op);
  if (number == cut_at_) power_lost_ = true;
  return number;
}

absl::Status MemoryDisk::End(uint64_t number, const DeviceIo& io) {
  const auto failing = failing_.find(number);
  if (failing != failing_.end()) return failing->second;
  const auto it = under_way_.find(number);
  SP_CHECK(it != under_way_.end());
  const UnderWay op = std::move(it->second);
  under_way_.erase(it);
  switch (io.op) {
    case DeviceIo::Op::kRead: {
      uint64_t offset = io.offset_bytes;
      for (const IoSlice& s : io.slices) {
        Read(offset, {s.data, s.size_bytes});
        offset += s.size_bytes;
      }
      break;
    }
    case DeviceIo::Op::kWrite: {
      AddVersions(op);
      if (info_.volatile_cache && !io.durable) break;
      for (uint64_t at = 0; at < op.bytes.size(); at += kSector) {
        Settle((op.offset_bytes + at) / kSector, order_);
      }
      break;
    }
    case DeviceIo::Op::kFlush:
      for (auto sector = unflushed_.begin(); sector != unflushed_.end();) {
        Settle((sector++)->first, op.flushes_up_to);
      }
      break;
    case DeviceIo::Op::kDiscard:
      Discard(op.offset_bytes, op.discard_bytes);
      break;
  }
  return absl::OkStatus();
}

void MemoryDisk::AddVersions(const UnderWay& write) {
  ++order_;
  for (uint64_t at = 0; at < write.bytes.size(); at += kSector) {
    SectorVersion& version = unflushed_[(write.offset_bytes + at) / kSector].emplace_back();
    version.order = order_;
    std::memcpy(version.bytes.data(), write.bytes.data() + at, kSector);
  }
}

void MemoryDisk::PutSector(uint64_t sector, const uint8_t* bytes) {
  const uint64_t offset = sector * kSector;
  std::memcpy(pages_[offset / kPage].data() + offset % kPage, bytes, kSector);
}

// The newest version up to `up_to_order` becomes durable; older ones can not come back.
void MemoryDisk::Settle(uint64_t sector, uint64_t up_to_order) {
  const auto it = unflushed_.find(sector);
  if (it == unflushed_.end()) return;
  std::vector<SectorVersion>& versions = it->second;
  size_t settled = 0;
  while (settled < versions.size() && versions[settled].order <= up_to_order) ++settled;
  if (settled == 0) return;
  PutSector(sector, versions[settled - 1].bytes.data());
  versions.erase(versions.begin(), versions.begin() + static_cast<ptrdiff_t>(settled));
  if (versions.empty()) unflushed_.erase(it);
}

// What a discarded sector reads as is up to the drive: here about half keep their old bytes, so
// that nobody relies on zeroes.
void MemoryDisk::Discard(uint64_t offset_bytes, uint64_t size_bytes) {
  static constexpr SectorBytes kZeroes = {};
  for (uint64_t s = offset_bytes / kSector; s < (offset_bytes + size_bytes) / kSector; ++s) {
    if ((s * 0x9e3779b97f4a7c15u) >> 63 == 0) continue;
    unflushed_.erase(s);
    if (pages_.contains(s * kSector / kPage)) PutSector(s, kZeroes.data());
  }
}

const MemoryDisk::SectorBytes* MemoryDisk::Newest(uint64_t sector) const {
  const auto it = unflushed_.find(sector);
  return it == unflushed_.end() ? nullptr : &it->second.back().bytes;
}

void MemoryDisk::Read(uint64_t offset_bytes, std::span<uint8_t> to) const {
  while (!to.empty()) {
    const uint64_t within = offset_bytes % kSector;
    const size_t part = std::min<size_t>(to.size(), kSector - within);
    const auto page = pages_.find(offset_bytes / kPage);
    if (const SectorBytes* newest = Newest(offset_bytes / kSector)) {
      std::memcpy(to.data(), newest->data() + within, part);
    } else if (page != pages_.end()) {
      std::memcpy(to.data(), page->second.data() + offset_bytes % kPage, part);
    } else {
      std::memset(to.data(), 0, part);
    }
    offset_bytes += part;
    to = to.subspan(part);
  }
}

void MemoryDisk::Write(uint64_t offset_bytes, std::span<const uint8_t> bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const uint64_t at = offset_bytes + i;
    const uint64_t within = at % kSector;
    const size_t part = std::min<size_t>(bytes.size() - i, kSector - within);
    SectorBytes sector;
    Read(at - within, sector);
    std::memcpy(sector.data() + within, bytes.data() + i, part);
    unflushed_.erase(at / kSector);
    PutSector(at / kSector, sector.data());
    i += part;
  }
}

void MemoryDisk::FlipBit(uint64_t offset_bytes, int bit) {
  uint8_t byte = 0;
  Read(offset_bytes, {&byte, 1});
  byte = static_cast<uint8_t>(byte ^ 1u << bit);
  const auto it = unflushed_.find(offset_bytes / kSector);
  if (it != unflushed_.end()) {
    it->second.back().bytes[offset_bytes % kSector] = byte;
  } else {
    Write(offset_bytes, {&byte, 1});
  }
}

void MemoryDisk::PowerCut(Random& random) {
  for (const auto& [number, op] : under_way_) {
    AddVersions(op);
    if (op.discard_bytes > 0 && random.OneIn(1, 2)) Discard(op.offset_bytes, op.discard_bytes);
  }
  under_way_.clear();
  for (const auto& [sector, versions] : unflushed_) {
    const uint64_t kept = random.Below(versions.size() + 1);
    if (kept < versions.size()) PutSector(sector, versions[kept].bytes.data());
  }
  unflushed_.clear();
  power_lost_ = false;
  cut_at_ = 0;
}

void MemoryDisk::LandAbandoned() {
  for (const auto& [number, op] : under_way_) {
    AddVersions(op);
    if (op.discard_bytes > 0) Discard(op.offset_bytes, op.discard_bytes);
  }
  under_way_.clear();
}

MemoryDevice::MemoryDevice(Reactor& reactor, MemoryDisk* disk)
    : reactor_(reactor), disk_(disk), timer_(reactor, [this] { EndDue(); }) {}

MemoryDevice::~MemoryDevice() { reactor_.Unschedule(this); }

void MemoryDevice::Queue(DeviceIo* io) {
  queued_.push_back(io);
  reactor_.Schedule(Phase::kSubmit, this);
}

void MemoryDevice::Count(const DeviceIo& io) {
  uint64_t bytes = 0;
  for (const IoSlice& s : io.slices) bytes += s.size_bytes;
  switch (io.op) {
    case DeviceIo::Op::kRead:
      ++counters_.reads;
      counters_.bytes_read += bytes;
      break;
    case DeviceIo::Op::kWrite:
      ++counters_.writes;
      counters_.bytes_written += bytes;
      if (io.durable && info().volatile_cache) ++counters_.flushes;
      break;
    case DeviceIo::Op::kFlush:
      ++counters_.flushes;
      break;
    case DeviceIo::Op::kDiscard:
      ++counters_.discards;
      break;
  }
}

void MemoryDevice::OnPhase(Phase) {
  for (DeviceIo* io : queued_) {
    if (disk_->power_lost()) break;
    Count(*io);
    const uint64_t number = disk_->Begin(*io);
    const Duration takes = disk_->latency_ ? disk_->latency_(*io) : Duration();
    under_way_[{reactor_.Now() + takes, number}] = io;
  }
  queued_.clear();
  ArmTimer();
}

void MemoryDevice::ArmTimer() {
  if (!under_way_.empty()) timer_.StartAt(under_way_.begin()->first.first);
}

void MemoryDevice::EndDue() {
  while (!under_way_.empty() && !disk_->power_lost()) {
    const auto [key, io] = *under_way_.begin();
    if (key.first > reactor_.Now()) break;
    under_way_.erase(under_way_.begin());
    io->OnDone(disk_->End(key.second, *io));
  }
  if (!disk_->power_lost()) ArmTimer();
}

}  // namespace storpool::env
