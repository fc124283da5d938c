// The objects of one kind: a map in memory and its image in the key-value store.
//
// Invariant: after the batch of a command has been written, memory and store are equal. Changes go
// through Put and Erase only, which add to the batch of the command being applied.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "lib/base/check.h"
#include "lib/env/key_value.h"
#include "lib/metadata/keys.h"

namespace storpool::metadata {

// Key: an unsigned integer or a pair of them (keys.h). Record: a protobuf message.
template <class Key, class Record>
class Collection {
 public:
  Collection(std::string prefix, env::KeyValueBatch& batch)
      : prefix_(std::move(prefix)), batch_(batch) {}
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const std::map<Key, Record>& all() const { return records_; }
  const Record* Find(Key key) const {
    const auto it = records_.find(key);
    return it == records_.end() ? nullptr : &it->second;
  }
  bool contains(Key key) const { return records_.contains(key); }

  // Of a key that is there: iterators stay valid.
  void Put(Key key, Record record) {
    batch_.Put(prefix_ + EncodeKey(key), record.SerializeAsString());
    records_[key] = std::move(record);
  }
  void Erase(Key key) {
    if (records_.erase(key) != 0) batch_.Delete(prefix_ + EncodeKey(key));
  }

  absl::Status Load(const env::KeyValueStore& store) {
    records_.clear();
    absl::Status parsed;
    const auto take = [&](std::string_view key, std::string_view value) {
      Key k{};
      Record record;
      if (!DecodeKey(key.substr(prefix_.size()), k) ||
          !record.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
        parsed = absl::DataLossError("metadata store: the record " + std::string(key) +
                                     " is damaged; restore a backup");
        return false;
      }
      records_[k] = std::move(record);
      return true;
    };
    SP_RETURN_IF_ERROR(store.Scan(prefix_, take));
    return parsed;
  }

 private:
  const std::string prefix_;
  env::KeyValueBatch& batch_;
  std::map<Key, Record> records_;
};

}  // namespace storpool::metadata
