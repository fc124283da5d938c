#include "lib/env/posix/disk_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/limits.h"
#include "lib/env/posix/disk_place.h"

namespace storpool::env {
namespace {

constexpr size_t kFillBytes = 1 << 20;

// A descriptor that closes itself unless it is released.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string SysBlock(dev_t device, std::string_view file) {
  // A partition has no queue of its own: it is its parent's.
  const std::string base = absl::StrCat("/sys/dev/block/", major(device), ":", minor(device));
  for (const char* way : {"/queue/", "/../queue/"}) {
    std::ifstream in(absl::StrCat(base, way, std::string(file)));
    std::string line;
    if (std::getline(in, line)) return line;
  }
  return "";
}

absl::Status InspectBlockDevice(const std::string& path, const struct stat& file,
                                OpenedDisk* disk) {
  int sector = 0;
  unsigned physical = 0;
  if (ioctl(disk->fd, BLKGETSIZE64, &disk->info.size_bytes) != 0 ||
      ioctl(disk->fd, BLKSSZGET, &sector) != 0 || ioctl(disk->fd, BLKPBSZGET, &physical) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(path, ": size of the block device"));
  }
  // A drive that takes 512 bytes but keeps 4 KiB would read before each write of less.
  disk->info.sector_bytes = physical >= 4096 ? std::max(4096u, static_cast<uint32_t>(sector))
                                             : static_cast<uint32_t>(sector);
  disk->info.volatile_cache = SysBlock(file.st_rdev, "write_cache") != "write through";
  disk->info.rotational = SysBlock(file.st_rdev, "rotational") == "1";
  const std::string discard = SysBlock(file.st_rdev, "discard_max_bytes");
  disk->info.can_discard = !discard.empty() && discard != "0";
  return absl::OkStatus();
}

absl::Status InspectFile(const std::string& path, const struct stat& file, OpenedDisk* disk) {
  struct statfs system;
  if (fstatfs(disk->fd, &system) != 0) return absl::ErrnoToStatus(errno, path);
  disk->is_memory = system.f_type == TMPFS_MAGIC;
  disk->info.size_bytes = static_cast<uint64_t>(file.st_size);
  disk->info.rotational = SysBlock(file.st_dev, "rotational") == "1";
  // Whatever the drive can do: below a file there are page caches and 4 KiB blocks, and a write of
  // part of one is a read before it. Not in memory.
  disk->info.sector_bytes = disk->is_memory ? 512 : 4096;
  return absl::OkStatus();
}

absl::Status OpenError(const std::string& path, int error) {
  if (error == EBUSY) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " is in use (mounted, or held by another process): release it or name another disk"));
  }
  if (error == EINVAL) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": the file system cannot do O_DIRECT: choose another file system or a raw device"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot open disk ", path));
}

// Keeps others of ours from these bytes, through whatever name, until the descriptor is closed.
absl::Status Lock(int fd, const DiskPlace& place, const std::string& text) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(place.offset_bytes);
  lock.l_len = static_cast<off_t>(place.size_bytes);  // 0: to the end, wherever that is
  if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return absl::OkStatus();
  if (errno != EAGAIN && errno != EACCES) return absl::ErrnoToStatus(errno, text);
  return absl::FailedPreconditionError(
      absl::StrCat(text, " is in use by another process: stop it, or name another disk"));
}

// A range of a drive cannot claim all of it: other ranges are others'. It can see that nobody has.
absl::Status CheckUnclaimed(const std::string& path, const std::string& text) {
  constexpr int kTries = 20;  // whoever looks at the same moment claims it for an instant
  for (int i = 0;; ++i) {
    const Fd claim(open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    if (claim.get() >= 0) return absl::OkStatus();
    if (errno != EBUSY || i == kTries) return OpenError(text, errno);
    usleep(5000);
  }
}

absl::Status CutToRange(const DiskPlace& place, const std::string& text, OpenedDisk* disk) {
  const uint64_t end = place.offset_bytes + place.size_bytes;
  if (end > disk->info.size_bytes) {
    return absl::OutOfRangeError(absl::StrCat(text, ": the range ends at ", end, " bytes, ",
                                              place.path, " has ", disk->info.size_bytes));
  }
  disk->offset_bytes = place.offset_bytes;
  disk->info.size_bytes = place.size_bytes;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OpenedDisk> OpenDisk(const std::string& text, const DiskOptions& options) {
  const absl::StatusOr<DiskPlace> place = ParseDiskPlace(text);
  if (!place.ok()) return place.status();
  const std::string& path = place->path;
  struct stat file;
  if (stat(path.c_str(), &file) != 0) return OpenError(path, errno);
  OpenedDisk disk;
  disk.is_block_device = S_ISBLK(file.st_mode);
  if (!disk.is_block_device && !S_ISREG(file.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is neither a file nor a block device"));
  }
  const int exclusive = disk.is_block_device && !place->is_range() ? O_EXCL : 0;
  Fd fd(open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC | exclusive));
  if (fd.get() < 0) return OpenError(text, errno);
  disk.fd = fd.get();
  SP_RETURN_IF_ERROR(Lock(fd.get(), *place, text));
  if (disk.is_block_device && place->is_range()) SP_RETURN_IF_ERROR(CheckUnclaimed(path, text));
  SP_RETURN_IF_ERROR(disk.is_block_device ? InspectBlockDevice(path, file, &disk)
                                          : InspectFile(path, file, &disk));
  if (disk.info.sector_bytes != 512 && disk.info.sector_bytes != 4096) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": sectors of ", disk.info.sector_bytes,
                                                      " bytes; only 512 and 4096 are supported"));
  }
  disk.info.size_bytes -= disk.info.size_bytes % disk.info.sector_bytes;
  if (place->is_range()) SP_RETURN_IF_ERROR(CutToRange(*place, text, &disk));
  if (options.volatile_cache.has_value()) disk.info.volatile_cache = *options.volatile_cache;
  if (!disk.is_block_device) disk.info.can_discard = options.discard_file;
  fd.Release();
  return disk;
}

namespace {

absl::Status Fill(int fd, const std::string& path, uint64_t size_bytes,
                  const std::function<void(uint64_t)>& progress) {
  std::unique_ptr<void, decltype(&std::free)> zeroes(std::aligned_alloc(4096, kFillBytes),
                                                     &std::free);
  std::memset(zeroes.get(), 0, kFillBytes);
  for (uint64_t done = 0; done < size_bytes;) {
    const size_t part = std::min<uint64_t>(kFillBytes, size_bytes - done);
    const ssize_t written = pwrite(fd, zeroes.get(), part, static_cast<off_t>(done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return absl::ErrnoToStatus(
          written < 0 ? errno : ENOSPC,
          absl::StrCat("cannot write ", size_bytes, " bytes to ", path, ": after ", done,
                       " bytes; make room or choose a smaller size"));
    }
    done += static_cast<uint64_t>(written);
    if (progress) progress(done);
  }
  return absl::OkStatus();
}

absl::Status SyncWithFolder(int fd, const std::string& path) {
  if (fsync(fd) != 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": fsync"));
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  const Fd folder_fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_fd.get() < 0 || fsync(folder_fd.get()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(folder, ": fsync"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CreateDiskFile(const std::string& path, uint64_t size_bytes, bool sparse,
                            const std::function<void(uint64_t)>& progress) {
  if (size_bytes == 0 || size_bytes % kBlockBytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the size, ", size_bytes,
                                                   " bytes, must be a multiple of ", kBlockBytes));
  }
  const Fd fd(open(path.c_str(), O_RDWR | O_DIRECT | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.get() < 0 && errno == EEXIST) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists: remove it or choose another name"));
  }
  if (fd.get() < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", path));
  absl::Status status;
  if (!sparse) {
    status = Fill(fd.get(), path, size_bytes, progress);
  } else if (ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) {
    status = absl::ErrnoToStatus(
        errno, absl::StrCat(path, ": cannot make it ", size_bytes, " bytes long"));
  }
  if (status.ok()) status = SyncWithFolder(fd.get(), path);
  if (!status.ok()) unlink(path.c_str());
  return status;
}

}  // namespace storpool::env
