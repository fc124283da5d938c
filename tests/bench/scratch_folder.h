// The folder in which a bench keeps its cluster: gigabytes, partly in memory.
//
// It is gone when the bench ends, also when it is interrupted (SIGINT, SIGTERM).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace storpool::bench {

// Called by `main` before any thread starts: from now on an interrupt removes the folders that
// stand, and then ends the process by its signal.
void RemoveFoldersWhenInterrupted();

// Any thread.
class ScratchFolder {
 public:
  static absl::StatusOr<std::unique_ptr<ScratchFolder>> Make(const std::string& path);
  ~ScratchFolder();

  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace storpool::bench
