// A block device for tests: a loop device over a file of zeroes, gone with the object. Needs root
// and /dev/loop-control; where there is none the tests that use it say so and are skipped.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace storpool::env {

class LoopDevice {
 public:
  // kUnavailable: none can be had here, and why.
  static absl::StatusOr<std::unique_ptr<LoopDevice>> Make(const std::string& file,
                                                          uint64_t size_bytes,
                                                          uint32_t sector_bytes);
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;
  ~LoopDevice();

  const std::string& path() const { return path_; }
  // A file of /sys/block/loopN/queue.
  std::string ReadQueue(const std::string& name) const;
  bool WriteQueue(const std::string& name, const std::string& value) const;

 private:
  LoopDevice(std::string file, int number, int fd);

  const std::string file_;
  const std::string path_;
  const std::string queue_;
  const int fd_;
};

}  // namespace storpool::env
