// A file or block device through libaio. All requests of a turn go to the kernel with one io_submit
// in Phase::kSubmit; completions are taken from the ring in memory, without a system call, in the
// same phase or when the eventfd wakes the reactor.
//
// Durable writes carry RWF_DSYNC; with FlushBy::kFdsync a flush follows each instead. See README.md
// for the measurements behind the default. Invariant: OnDone(OK) of a durable write comes only
// after the drive has confirmed it as durable, unless the operator vouched for its cache.
#pragma once

#include <libaio.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/env/device.h"
#include "lib/env/posix/blocking_thread.h"
#include "lib/env/posix/disk_file.h"
#include "lib/env/posix/posix_reactor.h"

namespace storpool::env {

class PosixDevice : public Device, private FdHandler, private PhaseHook {
 public:
  static constexpr int kUnderWayMax = 256;
  enum class FlushBy { kDsyncWrite, kFdsync };
  struct Options {
    DiskOptions disk;
    FlushBy flush_by = FlushBy::kDsyncWrite;
    // What the kernel is asked to keep track of; fewer make it answer EAGAIN (for tests).
    int kernel_events = kUnderWayMax;
  };

  // `place`: a file or block device, or a range of its bytes (disk_place.h). Errors: those of
  // OpenDisk; no kernel resources for asynchronous I/O.
  static absl::StatusOr<std::unique_ptr<PosixDevice>> Open(PosixReactor& reactor,
                                                           const std::string& place) {
    return Open(reactor, place, Options());
  }
  static absl::StatusOr<std::unique_ptr<PosixDevice>> Open(PosixReactor& reactor,
                                                           const std::string& place,
                                                           const Options& options);
  // Requests still under way are waited for; nobody hears of them any more.
  ~PosixDevice() override;

  const DeviceInfo& info() const override { return disk_.info; }
  void Queue(DeviceIo* io) override;
  Counters counters() const override { return counters_; }

 private:
  PosixDevice(PosixReactor& reactor, std::string path, const OpenedDisk& disk,
              const Options& options);
  absl::Status Start();
  void OnEvents(uint32_t epoll_events) override;
  void OnPhase(Phase phase) override;
  void Prepare(DeviceIo* io);
  void PrepareFlush(DeviceIo* io);
  void SubmitSoon();
  void Submit();
  void Refused(int error);
  void Reap();
  void Ended(DeviceIo* io, int64_t result);
  void Discard(DeviceIo* io);
  absl::Status Failure(const DeviceIo& io, int error) const;
  absl::Status Failure(const DeviceIo& io, const std::string& why, absl::StatusCode code) const;

  PosixReactor& reactor_;
  const std::string path_;
  const OpenedDisk disk_;
  const Options options_;
  const int event_fd_;
  io_context_t context_ = nullptr;
  Counters counters_;
  int under_way_ = 0;
  int silent_under_way_ = 0;   // of those: they end in io_submit and signal nothing (tmpfs)
  std::vector<iocb*> queued_;  // prepared, in order; those before first_queued_ are submitted
  size_t first_queued_ = 0;
  bool in_phase_ = false;
  Timer next_turn_;  // submits what ends of requests in memory have asked for
  std::unique_ptr<BlockingThread> blocking_;  // discards
};

}  // namespace storpool::env
