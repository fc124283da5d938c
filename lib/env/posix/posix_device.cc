#include "lib/env/posix/posix_device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::env {
namespace {

static_assert(sizeof(iocb) <= sizeof(DeviceIo::scratch));
// Slices are given to the kernel as they are.
static_assert(sizeof(IoSlice) == sizeof(iovec));
static_assert(offsetof(IoSlice, data) == offsetof(iovec, iov_base));
static_assert(offsetof(IoSlice, size_bytes) == offsetof(iovec, iov_len));

// The head of the completion ring that the kernel shares with us (fs/aio.c, struct aio_ring); the
// events follow it.
struct Ring {
  uint32_t id;
  uint32_t size;
  uint32_t head;  // ours
  uint32_t tail;  // the kernel's
  uint32_t magic;
  uint32_t compatible_features;
  uint32_t incompatible_features;
  uint32_t header_bytes;
};
static_assert(sizeof(Ring) == 32);
constexpr uint32_t kRingMagic = 0xa10a10a1;

iocb* Control(DeviceIo* io) { return reinterpret_cast<iocb*>(io->scratch); }

uint64_t SizeOf(const DeviceIo& io) {
  uint64_t size = 0;
  for (const IoSlice& slice : io.slices) size += slice.size_bytes;
  return size;
}

bool IsFlush(const iocb* control) { return control->aio_lio_opcode == IO_CMD_FDSYNC; }

}  // namespace

absl::StatusOr<std::unique_ptr<PosixDevice>> PosixDevice::Open(PosixReactor& reactor,
                                                               const std::string& place,
                                                               const Options& options) {
  const auto disk = OpenDisk(place, options.disk);
  if (!disk.ok()) return disk.status();
  std::unique_ptr<PosixDevice> device(new PosixDevice(reactor, place, *disk, options));
  SP_RETURN_IF_ERROR(device->Start());
  return device;
}

PosixDevice::PosixDevice(PosixReactor& reactor, std::string path, const OpenedDisk& disk,
                         const Options& options)
    : reactor_(reactor),
      path_(std::move(path)),
      disk_(disk),
      options_(options),
      event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      next_turn_(reactor, [this] { reactor_.Schedule(Phase::kSubmit, this); }) {
  SP_CHECK(event_fd_ >= 0);
  queued_.reserve(kUnderWayMax);
  // Edge-triggered: nobody has to read it.
  reactor_.Watch(event_fd_, EPOLLIN | EPOLLET, this);
}

absl::Status PosixDevice::Start() {
  const int result = io_setup(options_.kernel_events, &context_);
  if (result == 0) return absl::OkStatus();
  context_ = nullptr;
  return absl::ErrnoToStatus(
      -result, absl::StrCat(path_, ": io_setup; raise fs.aio-max-nr if the system has run out"));
}

PosixDevice::~PosixDevice() {
  blocking_.reset();
  reactor_.Unschedule(this);
  reactor_.Unwatch(event_fd_, this);
  if (context_ != nullptr) io_destroy(context_);  // waits for what is under way
  close(event_fd_);
  close(disk_.fd);
}

void PosixDevice::Queue(DeviceIo* io) {
  if (io->op == DeviceIo::Op::kDiscard) return Discard(io);
  if (io->op == DeviceIo::Op::kFlush) {
    PrepareFlush(io);
  } else {
    Prepare(io);
  }
  queued_.push_back(Control(io));
  SubmitSoon();
}

// A request in memory ends while it is submitted. If its end asks for the next one, and that in the
// same turn for another, whoever reads a lot (cleaning, a scan) keeps everybody else waiting.
void PosixDevice::SubmitSoon() {
  if (in_phase_ && disk_.is_memory) {
    if (!next_turn_.active()) next_turn_.StartIn(Duration());
  } else {
    reactor_.Schedule(Phase::kSubmit, this);
  }
}

void PosixDevice::Prepare(DeviceIo* io) {
  iocb* control = Control(io);
  std::memset(control, 0, sizeof *control);
  const bool write = io->op == DeviceIo::Op::kWrite;
  control->data = io;
  control->aio_fildes = disk_.fd;
  control->u.c.offset = static_cast<long long>(disk_.offset_bytes + io->offset_bytes);
  if (io->slices.size() == 1) {
    control->aio_lio_opcode = write ? IO_CMD_PWRITE : IO_CMD_PREAD;
    control->u.c.buf = io->slices[0].data;
    control->u.c.nbytes = io->slices[0].size_bytes;
  } else {
    control->aio_lio_opcode = write ? IO_CMD_PWRITEV : IO_CMD_PREADV;
    control->u.c.buf = const_cast<IoSlice*>(io->slices.data());
    control->u.c.nbytes = io->slices.size();
  }
  const bool flushed = write && io->durable && disk_.info.volatile_cache;
  if (flushed && options_.flush_by == FlushBy::kDsyncWrite) {
    control->aio_rw_flags = RWF_DSYNC;
    ++counters_.flushes;
  }
  if (!disk_.is_memory) io_set_eventfd(control, event_fd_);
  const uint64_t size = SizeOf(*io);
  ++(write ? counters_.writes : counters_.reads);
  (write ? counters_.bytes_written : counters_.bytes_read) += size;
}

void PosixDevice::PrepareFlush(DeviceIo* io) {
  iocb* control = Control(io);
  std::memset(control, 0, sizeof *control);
  control->data = io;
  control->aio_fildes = disk_.fd;
  control->aio_lio_opcode = IO_CMD_FDSYNC;
  io_set_eventfd(control, event_fd_);
  ++counters_.flushes;
}

void PosixDevice::OnEvents(uint32_t) { reactor_.Schedule(Phase::kSubmit, this); }

void PosixDevice::OnPhase(Phase) {
  in_phase_ = true;
  Submit();
  Reap();
  if (first_queued_ < queued_.size() && under_way_ == 0) {
    SubmitSoon();  // nothing of ours will wake us
  }
  in_phase_ = false;
}

void PosixDevice::Submit() {
  while (first_queued_ < queued_.size() && under_way_ < kUnderWayMax) {
    const auto left = static_cast<long>(queued_.size() - first_queued_);
    const long count = std::min<long>(left, kUnderWayMax - under_way_);
    iocb** first = queued_.data() + first_queued_;
    const int taken = io_submit(context_, count, first);
    ++counters_.submits;
    ++reactor_.counters().io_submits;
    if (taken < count) ++counters_.short_submits;
    // The rest stays for a later turn: the next end of a request, or the next turn if there is
    // none.
    if (taken == -EAGAIN || taken == -EINTR) break;
    if (taken < 0) {
      Refused(-taken);
      continue;
    }
    for (int i = 0; i < taken; ++i) {
      if ((first[i]->u.c.flags & 1) == 0) ++silent_under_way_;
    }
    under_way_ += taken;
    first_queued_ += static_cast<size_t>(taken);
  }
  if (first_queued_ == queued_.size() || first_queued_ >= kUnderWayMax) {
    queued_.erase(queued_.begin(), queued_.begin() + static_cast<ptrdiff_t>(first_queued_));
    first_queued_ = 0;
  }
}

// The kernel did not even begin the first of the queued requests.
void PosixDevice::Refused(int error) {
  auto* io = static_cast<DeviceIo*>(queued_[first_queued_++]->data);
  io->OnDone(Failure(*io, error));
}

void PosixDevice::Reap() {
  auto* ring = reinterpret_cast<Ring*>(context_);
  SP_CHECK(ring->magic == kRingMagic && ring->incompatible_features == 0);
  const auto* events = reinterpret_cast<const io_event*>(ring + 1);
  // Only we move the head. The kernel publishes an event before it moves the tail.
  const std::atomic_ref<uint32_t> tail(ring->tail);
  const std::atomic_ref<uint32_t> head(ring->head);
  uint32_t at = head.load(std::memory_order_relaxed);
  while (at != tail.load(std::memory_order_acquire)) {
    const io_event event = events[at];
    at = at + 1 == ring->size ? 0 : at + 1;
    head.store(at, std::memory_order_release);
    --under_way_;
    ++reactor_.counters().io_done;
    auto* control = reinterpret_cast<iocb*>(event.obj);
    if ((control->u.c.flags & 1) == 0) --silent_under_way_;
    Ended(static_cast<DeviceIo*>(event.data), static_cast<int64_t>(event.res));
  }
  // More room in the queue, or a request that should have ended and signals nothing.
  if (first_queued_ < queued_.size() || silent_under_way_ > 0) {
    if (under_way_ < kUnderWayMax) SubmitSoon();
  }
}

void PosixDevice::Ended(DeviceIo* io, int64_t result) {
  const bool flush = IsFlush(Control(io));
  if (result < 0) {
    return io->OnDone(Failure(*io, static_cast<int>(-result)));
  }
  if (!flush && static_cast<uint64_t>(result) != SizeOf(*io)) {
    return io->OnDone(Failure(*io, absl::StrCat("only ", result, " bytes were done"),
                              absl::StatusCode::kDataLoss));
  }
  const bool flush_it = !flush && io->op == DeviceIo::Op::kWrite && io->durable &&
                        disk_.info.volatile_cache && options_.flush_by == FlushBy::kFdsync;
  if (!flush_it) return io->OnDone(absl::OkStatus());
  PrepareFlush(io);
  queued_.push_back(Control(io));
  SubmitSoon();
}

absl::Status PosixDevice::Failure(const DeviceIo& io, int error) const {
  // A sector that cannot be read, as against a disk that is gone.
  const bool medium = error == EIO || error == ENODATA || error == EILSEQ;
  const bool read = io.op == DeviceIo::Op::kRead;
  return Failure(io, std::strerror(error),
                 read && !medium ? absl::StatusCode::kUnavailable : absl::StatusCode::kDataLoss);
}

absl::Status PosixDevice::Failure(const DeviceIo& io, const std::string& why,
                                  absl::StatusCode code) const {
  static constexpr const char* kNames[] = {"read", "write", "flush", "discard"};
  const uint64_t size = io.op == DeviceIo::Op::kDiscard ? io.discard_bytes : SizeOf(io);
  return absl::Status(code, absl::StrCat("disk ", path_, ": ", kNames[static_cast<int>(io.op)],
                                         " of ", size, " bytes at ", io.offset_bytes, ": ", why));
}

void PosixDevice::Discard(DeviceIo* io) {
  ++counters_.discards;
  if (blocking_ == nullptr) blocking_ = std::make_unique<BlockingThread>(reactor_);
  auto error = std::make_shared<int>(0);
  auto work = [fd = disk_.fd, block = disk_.is_block_device, error,
               offset = disk_.offset_bytes + io->offset_bytes, size = io->discard_bytes] {
    uint64_t range[2] = {offset, size};
    const int result = block ? ioctl(fd, BLKDISCARD, range)
                             : fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                         static_cast<off_t>(offset), static_cast<off_t>(size));
    if (result != 0) *error = errno;
  };
  auto done = [this, io, error] {
    io->OnDone(*error == 0 ? absl::OkStatus() : Failure(*io, *error));
  };
  blocking_->Run(std::move(work), std::move(done));
}

}  // namespace storpool::env
