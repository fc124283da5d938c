#include "lib/embed/private_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace storpool::embed {
namespace {

absl::Status Failed(const std::string& path, const char* what) {
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot ", what));
}

}  // namespace

absl::Status SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed(folder, "open");
  const absl::Cleanup close_folder = [fd] { close(fd); };
  return fsync(fd) == 0 ? absl::OkStatus() : Failed(folder, "write");
}

absl::StatusOr<std::unique_ptr<PrivateFile>> PrivateFile::Begin(const std::string& path) {
  const std::string unfinished = path + ".unfinished";
  unlink(unfinished.c_str());
  const int fd = open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return Failed(path, "make");
  return absl::WrapUnique(new PrivateFile(path, fd));
}

PrivateFile::PrivateFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

PrivateFile::~PrivateFile() {
  close(fd_);
  if (!finished_) unlink(Unfinished().c_str());
}

absl::Status PrivateFile::Write(std::string_view piece) {
  while (!piece.empty()) {
    const ssize_t written = write(fd_, piece.data(), piece.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed(path_, "write");
    piece.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status PrivateFile::Finish() {
  if (fsync(fd_) != 0) return Failed(path_, "write");
  if (std::rename(Unfinished().c_str(), path_.c_str()) != 0) return Failed(path_, "make");
  finished_ = true;
  return SyncFolderOf(path_);
}

}  // namespace storpool::embed
