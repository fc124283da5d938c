// One column family of a RocksDB as a key-value store.
#pragma once

#include <rocksdb/db.h>

#include <string>

#include "lib/env/key_value.h"

namespace storpool::env {

// A RocksDB error in our words, with what was being done.
absl::Status RocksError(const std::string& what, const rocksdb::Status& status);

class RocksStore : public KeyValueStore {
 public:
  // `db` outlives this; `name` is for error texts.
  RocksStore(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, std::string name)
      : db_(db), family_(family), name_(std::move(name)) {}

  absl::StatusOr<std::string> Get(std::string_view key) const override;
  absl::Status Write(const KeyValueBatch& batch, bool sync) override;
  absl::Status Scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& fn) const override;

 private:
  rocksdb::DB* db_;
  rocksdb::ColumnFamilyHandle* family_;
  const std::string name_;
};

}  // namespace storpool::env
