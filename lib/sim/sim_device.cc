#include "lib/sim/sim_device.h"

#include <utility>

#include "lib/base/crc32c.h"
#include "lib/chunkstore/format.h"

namespace storpool::sim {
namespace {

constexpr size_t kBatchesKept = 64;

}  // namespace

struct SimDevice::Wrapped final : env::DeviceIo {
  void OnDone(const absl::Status& status) override { device->Done(this, status); }
  SimDevice* device = nullptr;
  env::DeviceIo* io = nullptr;
};

SimDevice::SimDevice(Site& site, env::Reactor& reactor, env::MemoryDisk* disk, DiskId id)
    : site_(site),
      reactor_(reactor),
      disk_(disk),
      id_(id),
      inner_(std::make_unique<env::MemoryDevice>(reactor, disk)) {}

SimDevice::~SimDevice() = default;

void SimDevice::Queue(env::DeviceIo* io) {
  if (dead_) {
    return reactor_.Post([io] { io->OnDone(absl::UnavailableError("the process is dead")); });
  }
  if (io->op == env::DeviceIo::Op::kWrite) {
    uint32_t crc = 0;
    for (const env::IoSlice& slice : io->slices) {
      crc = Crc32c({slice.data, slice.size_bytes}, crc);
      site_.traffic.device_bytes += slice.size_bytes;
    }
    ++site_.traffic.device_writes;
    site_.world.trace().Add(io->offset_bytes << 1 | (io->durable ? 1 : 0));
    site_.world.trace().Add(uint64_t{crc});
  }
  DiskState& state = site_.disks[id_];
  if (state.fail_next > 0) {
    --state.fail_next;
    return reactor_.Post([io] { io->OnDone(absl::DataLossError("input/output error")); });
  }
  if (io->op == env::DeviceIo::Op::kWrite) Note(*io);
  auto wrapped = std::make_unique<Wrapped>();
  wrapped->device = this;
  wrapped->io = io;
  wrapped->op = io->op;
  wrapped->durable = io->durable;
  wrapped->offset_bytes = io->offset_bytes;
  wrapped->discard_bytes = io->discard_bytes;
  wrapped->slices = io->slices;
  Wrapped* raw = wrapped.get();
  open_.push_back(std::move(wrapped));
  if (site_.seams.on_device && site_.seams.on_device(id_, *raw)) {
    return reactor_.Post([raw] { raw->OnDone(absl::OkStatus()); });
  }
  inner_->Queue(raw);
}

// Remembers where the payload of a batch of the log lies.
void SimDevice::Note(const env::DeviceIo& io) {
  uint64_t at = io.offset_bytes;
  for (const env::IoSlice& slice : io.slices) {
    chunkstore::BatchHeader header;
    const std::span<const uint8_t> bytes(slice.data, slice.size_bytes);
    if (chunkstore::LooksLikeBatch(bytes, &header) && header.stream == 0) {
      std::deque<BatchWritten>& written = site_.disks[id_].written;
      const uint64_t descriptor =
          chunkstore::RoundUp(header.descriptor_bytes, disk_->info().sector_bytes);
      written.push_back({header.number, header.mark, at + descriptor, header.payload_blocks});
      if (written.size() > kBatchesKept) written.pop_front();
      return;
    }
    at += slice.size_bytes;
  }
}

void SimDevice::Done(Wrapped* wrapped, const absl::Status& status) {
  env::DeviceIo* io = wrapped->io;
  std::erase_if(open_, [wrapped](const auto& w) { return w.get() == wrapped; });
  io->OnDone(status);
}

void SimDevice::Die() {
  dead_ = true;
  inner_.reset();
  while (!open_.empty()) {
    const std::unique_ptr<Wrapped> wrapped = std::move(open_.back());
    open_.pop_back();
    wrapped->io->OnDone(absl::UnavailableError("the process is dead"));
  }
}

}  // namespace storpool::sim
