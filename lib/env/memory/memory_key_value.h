// A key-value store in memory. The object is the medium: it outlives the processes that use it.
//
// Invariant: after PowerCut it holds a prefix of the batches that were written, with all synced
// ones and those before them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/base/random.h"
#include "lib/env/key_value.h"

namespace storpool::env {

class MemoryKeyValueStore : public KeyValueStore {
 public:
  absl::StatusOr<std::string> Get(std::string_view key) const override;
  absl::Status Write(const KeyValueBatch& batch, bool sync) override;
  absl::Status Scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& fn) const override;

  // Keeps the first so many of the unsynced batches.
  void PowerCut(Random& random);

 private:
  using Map = std::map<std::string, std::string, std::less<>>;
  static void Apply(const KeyValueBatch& batch, Map* map);

  Map present_;
  Map durable_;
  std::vector<KeyValueBatch> unsynced_;
};

}  // namespace storpool::env
