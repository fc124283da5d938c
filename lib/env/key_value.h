// An ordered key-value store with atomic batches: what metadata keeps its state in (design 6.1).
// RocksDB in the real world, a map with power cuts in the simulator. Calls block; reactor thread of
// the owner only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace storpool::env {

// Puts and deletes that happen together or not at all.
class KeyValueBatch {
 public:
  struct Change {
    std::string key;
    std::optional<std::string> value;  // none: delete
  };
  void Put(std::string key, std::string value) {
    changes_.push_back({std::move(key), std::move(value)});
  }
  void Delete(std::string key) { changes_.push_back({std::move(key), std::nullopt}); }
  const std::vector<Change>& changes() const { return changes_; }
  bool empty() const { return changes_.empty(); }
  void Clear() { changes_.clear(); }

 private:
  std::vector<Change> changes_;
};

class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;
  // kNotFound if there is none.
  virtual absl::StatusOr<std::string> Get(std::string_view key) const = 0;
  // With `sync`, survives power loss once it returns OK; without, only after a later synced one.
  virtual absl::Status Write(const KeyValueBatch& batch, bool sync) = 0;
  // Calls fn(key, value) in key order for all keys that begin with `prefix`, until it is false.
  virtual absl::Status Scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& fn) const = 0;
};

}  // namespace storpool::env
