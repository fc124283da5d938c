#include "lib/env/posix/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace storpool::env {
namespace {

absl::Status NoneHere(const std::string& what) {
  return absl::UnavailableError(
      absl::StrCat("no loop device can be had here: ", what, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LoopDevice>> LoopDevice::Make(const std::string& file,
                                                             uint64_t size_bytes,
                                                             uint32_t sector_bytes) {
  const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return NoneHere("/dev/loop-control");
  const int backing = open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (backing < 0 || ftruncate(backing, static_cast<off_t>(size_bytes)) != 0) {
    close(control);
    return NoneHere(file);
  }
  absl::Status status;
  for (int attempt = 0; attempt < 8; ++attempt) {  // somebody else may take the same one
    const int number = ioctl(control, LOOP_CTL_GET_FREE);
    const std::string path = absl::StrCat("/dev/loop", number);
    const int fd = number < 0 ? -1 : open(path.c_str(), O_RDWR | O_CLOEXEC);
    status = NoneHere(path);
    if (fd < 0) break;
    loop_config config = {};
    config.fd = static_cast<uint32_t>(backing);
    config.block_size = sector_bytes;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
      close(control);
      close(backing);
      return std::unique_ptr<LoopDevice>(new LoopDevice(file, number, fd));
    }
    status = NoneHere(path);
    close(fd);
  }
  close(control);
  close(backing);
  unlink(file.c_str());
  return status;
}

LoopDevice::LoopDevice(std::string file, int number, int fd)
    : file_(std::move(file)),
      path_(absl::StrCat("/dev/loop", number)),
      queue_(absl::StrCat("/sys/block/loop", number, "/queue/")),
      fd_(fd) {}

LoopDevice::~LoopDevice() {
  close(fd_);  // the last one takes the loop away
  unlink(file_.c_str());
}

std::string LoopDevice::ReadQueue(const std::string& name) const {
  std::ifstream in(queue_ + name);
  std::string line;
  std::getline(in, line);
  return line;
}

bool LoopDevice::WriteQueue(const std::string& name, const std::string& value) const {
  std::ofstream out(queue_ + name);
  return static_cast<bool>(out << value << std::flush);
}

}  // namespace storpool::env
