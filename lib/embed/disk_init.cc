#include "lib/embed/disk_init.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/env/posix/disk_place.h"
#include "lib/env/posix/posix_device.h"
#include "lib/env/posix/posix_reactor.h"

namespace storpool::embed {
namespace {

constexpr Duration kPatience = Duration::Seconds(600);  // for the device to answer
constexpr size_t kLookBytes = 1 << 20;                  // where file systems leave their marks

std::string Named(const DiskInitOptions& options) { return absl::StrCat("disk ", options.path); }

// Runs the reactor until `result` is there.
template <class Result>
absl::StatusOr<Result> Await(env::PosixReactor& reactor, const DiskInitOptions& options,
                             const std::shared_ptr<std::optional<Result>>& result) {
  if (reactor.RunUntil([&] { return result->has_value(); }, kPatience)) return **result;
  return absl::DeadlineExceededError(
      absl::StrCat(Named(options), " does not answer; look at the system's log"));
}

// What is there already, if it is worth keeping.
absl::Status CheckNotOurs(env::Device& device, env::PosixReactor& reactor,
                          const DiskInitOptions& options) {
  using Answer = absl::StatusOr<chunkstore::StoreIdentity>;
  const auto found = std::make_shared<std::optional<Answer>>();
  chunkstore::ChunkStore::Identify(device, reactor, reactor.pool(),
                                   [found](Answer answer) { *found = std::move(answer); });
  absl::StatusOr<Answer> answer = Await(reactor, options, found);
  if (!answer.ok()) return answer.status();
  if (absl::IsNotFound(answer->status())) return absl::OkStatus();
  if (!answer->ok()) {
    return absl::Status(answer->status().code(),
                        absl::StrCat(Named(options), ": ", answer->status().message(),
                                     "; with \"force yes\" all its data is lost"));
  }
  const chunkstore::StoreIdentity& identity = **answer;
  return absl::AlreadyExistsError(
      absl::StrCat(Named(options), " is disk ", identity.disk.value(), " of ",
                   identity.cluster == options.cluster ? "this cluster" : "another cluster, ",
                   identity.cluster == options.cluster ? "" : FormatUuid(identity.cluster),
                   " already; with \"force yes\" all its data is lost"));
}

// What the first MiB of a device tells of its content, by the marks of others.
const char* NameOf(const std::vector<char>& bytes) {
  struct Mark {
    size_t offset;
    std::string_view bytes;
    const char* name;
  };
  static constexpr Mark kMarks[] = {
      {1080, "\x53\xef", "an ext2, ext3 or ext4 file system"},
      {0, "XFSB", "an XFS file system"},
      {65600, "_BHRfS_M", "a btrfs file system"},
      {0, "LUKS\xba\xbe", "an encrypted volume (LUKS)"},
      {512, "LABELONE", "a physical volume of LVM"},
      {4096, "\xfc\x4e\x2b\xa9", "a member of a RAID array (md)"},
      {4086, "SWAPSPACE2", "swap space"},
      {512, "EFI PART", "a partition table (GPT)"},
      {510, "\x55\xaa", "a partition table or boot sector"},
  };
  for (const Mark& mark : kMarks) {
    if (mark.offset + mark.bytes.size() > bytes.size()) continue;
    if (std::equal(mark.bytes.begin(), mark.bytes.end(), bytes.data() + mark.offset)) {
      return mark.name;
    }
  }
  return "something that is not ours";
}

absl::Status CheckEmpty(const DiskInitOptions& options, const env::DiskPlace& place) {
  const int fd = open(place.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, Named(options));
  const absl::Cleanup close_file = [fd] { close(fd); };
  std::vector<char> bytes(kLookBytes);
  const ssize_t size =
      pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(place.offset_bytes));
  if (size < 0) return absl::ErrnoToStatus(errno, Named(options));
  const auto end = bytes.begin() + size;
  if (std::all_of(bytes.begin(), end, [](char c) { return c == 0; })) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(Named(options), " is not empty: it holds ", NameOf(bytes),
                   "; name another one, or with \"force yes\" all its data is lost"));
}

absl::Status Format(env::Device& device, env::PosixReactor& reactor, const DiskInitOptions& options,
                    StoreId store) {
  const auto done = std::make_shared<std::optional<absl::Status>>();
  chunkstore::Format(device, reactor, reactor.pool(),
                     {.cluster = options.cluster,
                      .disk = options.disk,
                      .store = store,
                      .overwrite = options.force},
                     [done](absl::Status status) { *done = std::move(status); });
  const absl::StatusOr<absl::Status> status = Await(reactor, options, done);
  if (!status.ok()) return status.status();
  if (status->ok()) return absl::OkStatus();
  return absl::Status(status->code(), absl::StrCat(Named(options), ": ", status->message()));
}

// Makes the file if there is none; true if it did.
absl::StatusOr<bool> MakeFile(const DiskInitOptions& options, const env::DiskPlace& place) {
  if (place.is_range() && options.size_bytes != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(Named(options), " is a range and says its size; leave \"size\" out"));
  }
  struct stat stat;
  if (::stat(place.path.c_str(), &stat) != 0) {
    if (errno != ENOENT) return absl::ErrnoToStatus(errno, Named(options));
    if (place.is_range()) {
      return absl::NotFoundError(absl::StrCat("there is no ", place.path, " to take a range of"));
    }
    if (options.size_bytes == 0) {
      return absl::NotFoundError(absl::StrCat("there is no ", options.path,
                                              "; say \"size\" to make a file, such as size 10G"));
    }
    const absl::Status made =
        env::CreateDiskFile(options.path, options.size_bytes, options.sparse, options.progress);
    if (!made.ok()) return made;
    return true;
  }
  if (S_ISBLK(stat.st_mode) && options.size_bytes != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(Named(options),
                     " is a block device and has its size; leave \"size\" out to take all of it"));
  }
  if (S_ISREG(stat.st_mode) && options.size_bytes != 0 &&
      static_cast<uint64_t>(stat.st_size) != options.size_bytes) {
    return absl::AlreadyExistsError(
        absl::StrCat(Named(options), " exists and has ", stat.st_size,
                     " bytes; remove it, or leave \"size\" out to take it as it is"));
  }
  return false;
}

}  // namespace

absl::StatusOr<InitializedDisk> InitDisk(const DiskInitOptions& options, env::Entropy& entropy) {
  if (options.disk.value() > kDiskIdMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("disk id ", options.disk.value(), " is not in 0..", kDiskIdMax));
  }
  const absl::StatusOr<env::DiskPlace> place = env::ParseDiskPlace(options.path);
  if (!place.ok()) return place.status();
  const absl::StatusOr<bool> made = MakeFile(options, *place);
  if (!made.ok()) return made.status();
  absl::Cleanup remove_again = [&options, made = *made] {
    if (made) unlink(options.path.c_str());
  };
  env::PosixReactor reactor;
  absl::StatusOr<std::unique_ptr<env::PosixDevice>> device =
      env::PosixDevice::Open(reactor, options.path);
  if (!device.ok()) return device.status();
  if (!*made && !options.force) {
    if (absl::Status s = CheckNotOurs(**device, reactor, options); !s.ok()) return s;
    if (absl::Status s = CheckEmpty(options, *place); !s.ok()) return s;
  }
  const StoreId store(entropy.Next() | 1);  // never 0: that stands for none
  if (absl::Status s = Format(**device, reactor, options, store); !s.ok()) return s;
  std::move(remove_again).Cancel();
  return InitializedDisk{store, (*device)->info().size_bytes, *made};
}

}  // namespace storpool::embed
