// A file that holds a secret: it appears under its name whole and durable or not at all, and only
// its owner may read it, whatever the umask.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace storpool::embed {

// The name of a file is durable when its folder is.
absl::Status SyncFolderOf(const std::string& path);

// Not for several threads at once. Errors name the file and what could not be done with it.
class PrivateFile {
 public:
  // Begins it beside `path`. What was left of an earlier try is not taken over: others may have
  // that open.
  static absl::StatusOr<std::unique_ptr<PrivateFile>> Begin(const std::string& path);
  // Leaves nothing unless it was finished.
  ~PrivateFile();
  PrivateFile(const PrivateFile&) = delete;
  PrivateFile& operator=(const PrivateFile&) = delete;

  absl::Status Write(std::string_view piece);
  // Durable under its name, in place of what was there. If only its folder cannot be written to the
  // disk, it is there all the same, and the error says so.
  absl::Status Finish();

 private:
  PrivateFile(std::string path, int fd);
  std::string Unfinished() const { return path_ + ".unfinished"; }

  const std::string path_;
  const int fd_;
  bool finished_ = false;
};

}  // namespace storpool::embed
