// A RocksDB folder: what metadata keeps its state and its embedded log in (design 6.1, 8).
//
// Invariant: one process holds it at a time. A synced write also makes every earlier write of any
// part of the same database durable: they share one write-ahead log. Calls block, so only the
// reactor of metadata uses it, never one with a data path.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/env/key_value.h"
#include "lib/env/reactor.h"
#include "lib/env/replicated_log.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
}  // namespace rocksdb

namespace storpool::env {

class RocksDatabase {
 public:
  enum class IfMissing { kCreate, kFail };

  // `path` is a folder. Errors name it and the way out: held by another process, none there,
  // damaged.
  static absl::StatusOr<std::unique_ptr<RocksDatabase>> Open(const std::string& path,
                                                             IfMissing if_missing);
  // Everything that it gave out must be gone.
  ~RocksDatabase();

  // The keys of column family `name`; made if there is none.
  absl::StatusOr<std::unique_ptr<KeyValueStore>> Store(const std::string& name);
  // The log in column family `name`. Appends of one turn become one synced write.
  absl::StatusOr<std::unique_ptr<ReplicatedLog>> Log(const std::string& name, Reactor& reactor);

  // A copy of everything written so far, as a folder that must not exist: itself a database.
  absl::Status Backup(const std::string& to_path);
  // Makes `to_path`, which must not exist, from a backup.
  static absl::Status Restore(const std::string& backup_path, const std::string& to_path);

 private:
  RocksDatabase(std::string path, std::unique_ptr<rocksdb::DB> db,
                std::vector<rocksdb::ColumnFamilyHandle*> families);
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> Family(const std::string& name);

  const std::string path_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace storpool::env
