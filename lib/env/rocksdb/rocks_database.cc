#include "lib/env/rocksdb/rocks_database.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/utilities/checkpoint.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/env/rocksdb/rocks_log.h"
#include "lib/env/rocksdb/rocks_store.h"

namespace storpool::env {
namespace {

namespace fs = std::filesystem;

absl::Status OpenError(const std::string& path, const rocksdb::Status& status) {
  const std::string text = status.ToString();
  if (text.find("lock ") != std::string::npos || text.find("LOCK") != std::string::npos) {
    return absl::FailedPreconditionError(absl::StrCat(
        "database ", path, " is in use by another process: stop it first (", text, ")"));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(
        absl::StrCat("database ", path, " is damaged: restore it from a backup (", text, ")"));
  }
  return RocksError(absl::StrCat("cannot open database ", path), status);
}

bool IsDatabase(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::path(path) / "CURRENT", error);
}

absl::Status SyncPath(const fs::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  return synced ? absl::OkStatus() : absl::ErrnoToStatus(error, path.string() + ": fsync");
}

}  // namespace

absl::StatusOr<std::unique_ptr<RocksDatabase>> RocksDatabase::Open(const std::string& path,
                                                                   IfMissing if_missing) {
  if (if_missing == IfMissing::kFail && !IsDatabase(path)) {
    return absl::NotFoundError(
        absl::StrCat("no database in ", path, ": initialise it first, or correct the path"));
  }
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.keep_log_file_num = 4;
  options.max_open_files = 256;
  // All families that are there must be opened; a new database has only the default one.
  std::vector<std::string> names;
  if (!IsDatabase(path) || !rocksdb::DB::ListColumnFamilies(options, path, &names).ok()) {
    names = {rocksdb::kDefaultColumnFamilyName};
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, path, families, &handles, &db);
  if (!status.ok()) return OpenError(path, status);
  return std::unique_ptr<RocksDatabase>(
      new RocksDatabase(path, std::unique_ptr<rocksdb::DB>(db), std::move(handles)));
}

RocksDatabase::RocksDatabase(std::string path, std::unique_ptr<rocksdb::DB> db,
                             std::vector<rocksdb::ColumnFamilyHandle*> families)
    : path_(std::move(path)), db_(std::move(db)), families_(std::move(families)) {}

RocksDatabase::~RocksDatabase() {
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    SP_CHECK(db_->DestroyColumnFamilyHandle(family).ok());
  }
}

absl::StatusOr<rocksdb::ColumnFamilyHandle*> RocksDatabase::Family(const std::string& name) {
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    if (family->GetName() == name) return family;
  }
  rocksdb::ColumnFamilyHandle* family = nullptr;
  const rocksdb::Status status =
      db_->CreateColumnFamily(rocksdb::ColumnFamilyOptions(), name, &family);
  if (!status.ok()) return RocksError(absl::StrCat(path_, ": making ", name), status);
  families_.push_back(family);
  return family;
}

absl::StatusOr<std::unique_ptr<KeyValueStore>> RocksDatabase::Store(const std::string& name) {
  const auto family = Family(name);
  if (!family.ok()) return family.status();
  return std::make_unique<RocksStore>(db_.get(), *family, absl::StrCat(path_, " ", name));
}

absl::StatusOr<std::unique_ptr<ReplicatedLog>> RocksDatabase::Log(const std::string& name,
                                                                  Reactor& reactor) {
  const auto family = Family(name);
  if (!family.ok()) return family.status();
  auto log = RocksLog::Open(db_.get(), *family, absl::StrCat(path_, " ", name), reactor);
  if (!log.ok()) return log.status();
  return std::unique_ptr<ReplicatedLog>(*std::move(log));
}

absl::Status RocksDatabase::Backup(const std::string& to_path) {
  std::error_code error;
  if (fs::exists(to_path, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat("backup folder ", to_path, " exists: choose another name"));
  }
  const std::string what = absl::StrCat("backup of ", path_, " to ", to_path);
  const fs::path absolute = fs::absolute(to_path, error);
  rocksdb::Checkpoint* raw = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &raw);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  if (status.ok()) status = checkpoint->CreateCheckpoint(absolute.string());
  return status.ok() ? absl::OkStatus() : RocksError(what, status);
}

absl::Status RocksDatabase::Restore(const std::string& backup_path, const std::string& to_path) {
  std::error_code error;
  if (!IsDatabase(backup_path)) {
    return absl::NotFoundError(absl::StrCat("no backup in ", backup_path, ": correct the path"));
  }
  if (fs::exists(to_path, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat(to_path, " exists: move it away before a restore"));
  }
  // Under another name until it is whole, so that half a restore is never opened.
  const fs::path partial = to_path + ".partial";
  fs::remove_all(partial, error);
  fs::copy(backup_path, partial, fs::copy_options::recursive, error);
  if (error) {
    return absl::InternalError(
        absl::StrCat("restore of ", backup_path, " to ", to_path, ": ", error.message()));
  }
  for (const fs::directory_entry& file : fs::directory_iterator(partial, error)) {
    SP_RETURN_IF_ERROR(SyncPath(file.path()));
  }
  SP_RETURN_IF_ERROR(SyncPath(partial));
  fs::rename(partial, to_path, error);
  if (error) return absl::InternalError(absl::StrCat(to_path, ": ", error.message()));
  const fs::path parent = fs::path(to_path).parent_path();
  return SyncPath(parent.empty() ? fs::path(".") : parent);
}

}  // namespace storpool::env
