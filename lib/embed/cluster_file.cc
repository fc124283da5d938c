#include "lib/embed/cluster_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/embed/private_file.h"
#include "lib/model/names.h"

namespace storpool::embed {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr size_t kFileBytesMax = 4096;

bool FromHex(std::string hex, size_t bytes, std::string& out) {
  if (hex.size() != 2 * bytes) return false;
  for (const char c : hex) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  out = absl::HexStringToBytes(hex);
  return true;
}

absl::Status Failed(const std::string& path, const char* what, int error) {
  return absl::ErrnoToStatus(error, absl::StrCat("cluster file ", path, ": cannot ", what));
}

absl::Status WriteDurably(int fd, const std::string& text, const std::string& path) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return Failed(path, "write", errno);
    if (n > 0) done += static_cast<size_t>(n);
  }
  if (fsync(fd) != 0) return Failed(path, "write", errno);
  return SyncFolderOf(path);
}

}  // namespace

std::string FormatUuid(const ClusterUuid& uuid) {
  const std::string hex = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(uuid.data()), uuid.size()));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

std::string FormatClusterFile(const ClusterFile& file) {
  return absl::StrCat("cluster ", FormatUuid(file.uuid), "\nname ", file.name, "\nsecret ",
                      absl::BytesToHexString(file.secret), "\n");
}

absl::StatusOr<ClusterFile> ParseClusterFile(std::string_view text, const std::string& path) {
  ClusterFile file;
  bool has_uuid = false;
  int number = 0;
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  for (const std::string& line : lines) {
    ++number;
    if (line.empty()) continue;
    const std::pair<std::string, std::string> pair = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    const auto& [key, value] = pair;
    bool good = false;
    if (key == "cluster") {
      std::string hex = value;
      std::erase(hex, '-');
      std::string bytes;
      good = has_uuid = FromHex(hex, file.uuid.size(), bytes);
      if (good) std::memcpy(file.uuid.data(), bytes.data(), bytes.size());
    } else if (key == "name") {
      file.name = value;
      good = model::ValidateClusterName(value).ok();
    } else if (key == "secret") {
      good = FromHex(value, kSecretBytes, file.secret);
    }
    if (!good) {
      return absl::InvalidArgumentError(absl::StrCat("cluster file ", path, ": line ", number,
                                                     " is not understood; copy the file again from "
                                                     "the folder of metadata"));
    }
  }
  if (has_uuid && !file.name.empty() && !file.secret.empty()) return file;
  return absl::InvalidArgumentError(
      absl::StrCat("cluster file ", path, " has no line \"",
                   !has_uuid           ? "cluster"
                   : file.name.empty() ? "name"
                                       : "secret",
                   "\"; copy the file again from the folder of metadata"));
}

absl::StatusOr<ClusterFile> LoadClusterFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    return absl::NotFoundError(
        absl::StrCat("there is no cluster file ", path,
                     "; storpoolctl metadata init makes one, copy it from the folder of metadata"));
  }
  if (fd < 0) return Failed(path, "open", errno);
  const absl::Cleanup close_file = [fd] { close(fd); };
  struct stat stat;
  if (fstat(fd, &stat) != 0) return Failed(path, "stat", errno);
  if (!S_ISREG(stat.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("cluster file ", path, " is no file"));
  }
  if ((stat.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("cluster file ", path,
                     " holds the cluster's secret and may be read by "
                     "others; chmod 600 ",
                     path));
  }
  std::string text(kFileBytesMax, '\0');
  const ssize_t size = read(fd, text.data(), text.size());
  if (size < 0) return Failed(path, "read", errno);
  text.resize(static_cast<size_t>(size));
  return ParseClusterFile(text, path);
}

absl::StatusOr<ClusterFile> CreateClusterFile(const std::string& path, const std::string& name,
                                              env::Entropy& entropy) {
  if (absl::Status status = model::ValidateClusterName(name); !status.ok()) return status;
  ClusterFile file{.name = name, .secret = std::string(kSecretBytes, '\0')};
  entropy.Fill(file.uuid);
  file.uuid[6] = static_cast<uint8_t>((file.uuid[6] & 0x0f) | 0x40);  // RFC 4122: random
  file.uuid[8] = static_cast<uint8_t>((file.uuid[8] & 0x3f) | 0x80);
  entropy.Fill({reinterpret_cast<uint8_t*>(file.secret.data()), file.secret.size()});
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) {
    return absl::AlreadyExistsError(absl::StrCat("there is a cluster file ", path, " already"));
  }
  if (fd < 0) return Failed(path, "make", errno);
  const absl::Cleanup close_file = [fd] { close(fd); };
  if (absl::Status status = WriteDurably(fd, FormatClusterFile(file), path); !status.ok()) {
    unlink(path.c_str());
    return status;
  }
  return file;
}

}  // namespace storpool::embed
