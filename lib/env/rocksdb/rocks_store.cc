#include "lib/env/rocksdb/rocks_store.h"

#include <memory>

#include "absl/strings/str_cat.h"

namespace storpool::env {

absl::Status RocksError(const std::string& what, const rocksdb::Status& status) {
  const std::string text = absl::StrCat(what, ": ", status.ToString());
  if (status.IsNotFound()) return absl::NotFoundError(text);
  if (status.IsCorruption()) return absl::DataLossError(text);
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(text);
  return absl::InternalError(text);
}

absl::StatusOr<std::string> RocksStore::Get(std::string_view key) const {
  std::string value;
  const rocksdb::Status status = db_->Get({}, family_, key, &value);
  if (status.ok()) return value;
  if (status.IsNotFound()) {
    return absl::NotFoundError(absl::StrCat(name_, ": no key \"", std::string(key), "\""));
  }
  return RocksError(absl::StrCat(name_, ": reading a key"), status);
}

absl::Status RocksStore::Write(const KeyValueBatch& batch, bool sync) {
  rocksdb::WriteBatch changes;
  rocksdb::Status status;
  for (const KeyValueBatch::Change& change : batch.changes()) {
    status = change.value.has_value() ? changes.Put(family_, change.key, *change.value)
                                      : changes.Delete(family_, change.key);
    if (!status.ok()) return RocksError(absl::StrCat(name_, ": preparing a write"), status);
  }
  rocksdb::WriteOptions options;
  options.sync = sync;
  status = db_->Write(options, &changes);
  return status.ok() ? absl::OkStatus() : RocksError(absl::StrCat(name_, ": writing"), status);
}

absl::Status RocksStore::Scan(
    std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& fn) const {
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}, family_));
  for (it->Seek(prefix); it->Valid(); it->Next()) {
    if (!it->key().starts_with(prefix)) break;
    if (!fn(it->key().ToStringView(), it->value().ToStringView())) break;
  }
  const rocksdb::Status status = it->status();
  return status.ok() ? absl::OkStatus() : RocksError(absl::StrCat(name_, ": scanning"), status);
}

}  // namespace storpool::env
