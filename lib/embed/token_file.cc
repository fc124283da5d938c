#include "lib/embed/token_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/embed/private_file.h"

namespace storpool::embed {
namespace {

constexpr size_t kTokenBytes = 16;
constexpr size_t kTokenTextMin = 16, kTokenTextMax = 256;

absl::Status Failed(const std::string& path, const char* what, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("token file ", path, ": cannot ", what));
}

absl::StatusOr<std::string> Read(int fd, const std::string& path) {
  struct stat stat;
  if (fstat(fd, &stat) != 0) return Failed(path, "stat", errno);
  if ((stat.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("token file ", path, " may be read by others; chmod 600 ", path));
  }
  std::string text(kTokenTextMax + 2, '\0');
  const ssize_t size = read(fd, text.data(), text.size());
  if (size < 0) return Failed(path, "read", errno);
  text.resize(static_cast<size_t>(size));
  if (text.ends_with('\n')) text.pop_back();
  bool good = text.size() >= kTokenTextMin && text.size() <= kTokenTextMax;
  for (const char c : text) good &= absl::ascii_isgraph(static_cast<unsigned char>(c));
  if (good) return text;
  return absl::InvalidArgumentError(
      absl::StrCat("token file ", path, " holds no token: one line of ", kTokenTextMin, " to ",
                   kTokenTextMax, " printable characters; remove it and a new one is made"));
}

absl::Status Write(const std::string& token, const std::string& path) {
  const absl::StatusOr<std::unique_ptr<PrivateFile>> file = PrivateFile::Begin(path);
  absl::Status status = file.status();
  if (status.ok()) status = (*file)->Write(token + "\n");
  if (status.ok()) status = (*file)->Finish();
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("token file ", status.message()));
}

}  // namespace

std::string TokenFilePath(const std::string& folder) { return folder + "/token"; }

absl::StatusOr<std::string> TakeToken(const std::string& folder, env::Entropy& entropy) {
  const std::string path = TokenFilePath(folder);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    const absl::Cleanup close_file = [fd] { close(fd); };
    return Read(fd, path);
  }
  if (errno != ENOENT) return Failed(path, "open", errno);
  std::array<uint8_t, kTokenBytes> bytes;
  entropy.Fill(bytes);
  std::string token = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (absl::Status s = Write(token, path); !s.ok()) return s;
  return token;
}

}  // namespace storpool::embed
