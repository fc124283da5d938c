// Volumes and their requests, as storpool.h describes them.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bindings/c/cluster.h"
#include "bindings/c/requests.h"
#include "bindings/c/storpool.h"
#include "lib/base/limits.h"

using storpool::block::BlockOp;
using storpool::capi::Deadline;
using storpool::capi::DeadlineIn;
using storpool::capi::LeftUntil;
using storpool::capi::SignalsBlocked;
using storpool::capi::Wanted;
using Device = storpool::embed::ClientServer::Device;

struct sp_volume {
  sp_cluster& cluster;
  const std::string name;  // when it was opened
  const bool read_only;
  std::string identity = {};  // "~" and its global id: another volume may have its name by now
  storpool::capi::Target target = {};
};

namespace {

// How long a close waits for metadata, and how long an open that was too late cleans up.
constexpr int64_t kDetachMs = 10'000;
constexpr int64_t kTakeBackMs = 1000;

absl::Status Open(sp_volume& volume, Deadline deadline) {
  sp_cluster& cluster = volume.cluster;
  const absl::Status attached =
      cluster.attachments().Attach(volume.name, volume.read_only, deadline);
  if (!attached.ok() && !absl::IsDeadlineExceeded(attached)) return attached;
  const absl::Status here =
      !attached.ok() ? attached
                     : cluster.client()->AwaitDevice(
                           volume.name, LeftUntil(deadline),
                           [&volume](Device device) { volume.target.device = std::move(device); });
  if (!here.ok()) {
    cluster.attachments().Detach(volume.name, DeadlineIn(kTakeBackMs)).IgnoreError();
  } else {
    volume.identity = "~" + cluster.client()->GlobalIdOf(volume.name);
  }
  return here;
}

// Lets go of the device. Returns whether the volume is attached still and nobody else uses it.
bool Release(sp_volume& volume) {
  bool idle = false;
  volume.cluster.client()->Run([&volume, &idle] {
    const std::weak_ptr<storpool::block::BlockDevice> device = volume.target.device;
    volume.target.device.reset();
    idle = device.use_count() == 1;  // the client's own
  });
  return idle;
}

absl::Status Close(sp_volume& volume) {
  sp_cluster& cluster = volume.cluster;
  cluster.requests().Close(volume.target);
  if (!Release(volume)) return absl::OkStatus();
  const absl::Status status = cluster.attachments().Detach(volume.identity, DeadlineIn(kDetachMs));
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

// Any thread. SP_OK: done will be called.
int Submit(sp_volume* volume, const Wanted& wanted) {
  if (volume == nullptr) return SP_EINVAL;
  sp_cluster& cluster = volume->cluster;
  const auto invalid = [&](const char* what) {
    return cluster.Failed(SP_EINVAL, absl::StrCat("volume ", volume->name, ": ", what));
  };
  const bool copies = wanted.op == BlockOp::kRead || wanted.op == BlockOp::kWrite;
  if (wanted.done == nullptr) return invalid("a request without a function to call back");
  if (copies && wanted.memory == nullptr) return invalid("a request without a buffer");
  if (wanted.op != BlockOp::kFlush &&
      (wanted.size_bytes == 0 || wanted.size_bytes % storpool::kSectorBytes != 0 ||
       wanted.offset_bytes % storpool::kSectorBytes != 0)) {
    return invalid("offset and size of a request are multiples of 512, its size is not 0");
  }
  const bool changes = wanted.op != BlockOp::kRead && wanted.op != BlockOp::kFlush;
  if (changes && volume->read_only) {
    return cluster.Failed(SP_EACCES,
                          absl::StrCat("volume ", volume->name, " was opened for reading only"));
  }
  if (!cluster.requests().Submit(volume->target, wanted)) {
    return cluster.Failed(SP_EUNAVAILABLE,
                          absl::StrCat("volume ", volume->name, " is being closed"));
  }
  return SP_OK;
}

// A thread that waits for its request.
struct Waiting {
  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;
  int error = SP_OK;
  std::string message;
};

void EndWaiting(void* context, int error, const char* message) {
  auto* waiting = static_cast<Waiting*>(context);
  // Notified below the lock: the waiter frees it when it has seen the end.
  const std::lock_guard lock(waiting->mutex);
  waiting->ended = true;
  waiting->error = error;
  waiting->message = message;
  waiting->changed.notify_one();
}

int SubmitAndWait(sp_volume* volume, Wanted wanted) {
  if (volume == nullptr) return SP_EINVAL;
  if (volume->cluster.OnOwnThread()) return SP_EDEADLOCK;
  Waiting waiting;
  wanted.done = EndWaiting;
  wanted.context = &waiting;
  const int refused = Submit(volume, wanted);
  if (refused != SP_OK) return refused;
  std::unique_lock lock(waiting.mutex);
  waiting.changed.wait(lock, [&waiting] { return waiting.ended; });
  if (waiting.error == SP_OK) return SP_OK;
  return volume->cluster.Failed(waiting.error, waiting.message);
}

Wanted Reads(void* buffer, size_t size, uint64_t offset) {
  return {BlockOp::kRead, static_cast<uint8_t*>(buffer), size, offset};
}

// Of a write's memory, bytes are only read.
Wanted Writes(const void* buffer, size_t size, uint64_t offset) {
  return {BlockOp::kWrite, static_cast<uint8_t*>(const_cast<void*>(buffer)), size, offset};
}

Wanted Clears(BlockOp op, uint64_t size, uint64_t offset) { return {op, nullptr, size, offset}; }

Wanted CallingBack(Wanted wanted, sp_done done, void* context) {
  wanted.done = done;
  wanted.context = context;
  return wanted;
}

}  // namespace

// ---- storpool.h ---------------------------------------------------------------------------------

int sp_volume_open(sp_cluster* cluster, const char* name, int mode, int64_t timeout_ms,
                   sp_volume** volume) {
  if (volume != nullptr) *volume = nullptr;
  if (cluster == nullptr) return SP_EINVAL;
  if (cluster->OnOwnThread()) return SP_EDEADLOCK;
  if (name == nullptr || volume == nullptr || (mode != SP_READ_ONLY && mode != SP_READ_WRITE)) {
    return cluster->Failed(SP_EINVAL, "no name, no place for the volume, or an unknown mode");
  }
  if (cluster->client() == nullptr) {
    return cluster->Failed(SP_EUNAVAILABLE, "not connected: call sp_cluster_connect first");
  }
  const SignalsBlocked blocked;
  auto opened = std::unique_ptr<sp_volume>(new sp_volume{*cluster, name, mode == SP_READ_ONLY});
  const absl::Status status = Open(*opened, DeadlineIn(timeout_ms));
  if (!status.ok()) return cluster->Failed(status);
  cluster->open_volumes.fetch_add(1);
  *volume = opened.release();
  return SP_OK;
}

uint64_t sp_volume_size(const sp_volume* volume) {
  if (volume == nullptr) return 0;
  const auto size_now = [volume] { return volume->target.device->info().size_bytes; };
  if (volume->cluster.OnOwnThread()) return size_now();
  uint64_t size_bytes = 0;
  volume->cluster.client()->Run([&] { size_bytes = size_now(); });
  return size_bytes;
}

int sp_volume_close(sp_volume* volume) {
  if (volume == nullptr) return SP_OK;
  sp_cluster& cluster = volume->cluster;
  if (cluster.OnOwnThread()) return SP_EDEADLOCK;
  const SignalsBlocked blocked;
  const absl::Status status = Close(*volume);
  delete volume;
  cluster.open_volumes.fetch_sub(1);
  return status.ok() ? SP_OK : cluster.Failed(status);
}

int sp_read(sp_volume* volume, void* buffer, size_t size, uint64_t offset) {
  return SubmitAndWait(volume, Reads(buffer, size, offset));
}

int sp_write(sp_volume* volume, const void* buffer, size_t size, uint64_t offset) {
  return SubmitAndWait(volume, Writes(buffer, size, offset));
}

int sp_trim(sp_volume* volume, uint64_t size, uint64_t offset) {
  return SubmitAndWait(volume, Clears(BlockOp::kTrim, size, offset));
}

int sp_write_zeroes(sp_volume* volume, uint64_t size, uint64_t offset) {
  return SubmitAndWait(volume, Clears(BlockOp::kWriteZeroes, size, offset));
}

int sp_flush(sp_volume* volume) { return SubmitAndWait(volume, Clears(BlockOp::kFlush, 0, 0)); }

int sp_aio_read(sp_volume* volume, void* buffer, size_t size, uint64_t offset, sp_done done,
                void* context) {
  return Submit(volume, CallingBack(Reads(buffer, size, offset), done, context));
}

int sp_aio_write(sp_volume* volume, const void* buffer, size_t size, uint64_t offset, sp_done done,
                 void* context) {
  return Submit(volume, CallingBack(Writes(buffer, size, offset), done, context));
}

int sp_aio_trim(sp_volume* volume, uint64_t size, uint64_t offset, sp_done done, void* context) {
  return Submit(volume, CallingBack(Clears(BlockOp::kTrim, size, offset), done, context));
}

int sp_aio_write_zeroes(sp_volume* volume, uint64_t size, uint64_t offset, sp_done done,
                        void* context) {
  return Submit(volume, CallingBack(Clears(BlockOp::kWriteZeroes, size, offset), done, context));
}

int sp_aio_flush(sp_volume* volume, sp_done done, void* context) {
  return Submit(volume, CallingBack(Clears(BlockOp::kFlush, 0, 0), done, context));
}
