// Any text as a cluster file: refused, or it says the same when it is written again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lib/embed/cluster_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace embed = storpool::embed;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = embed::ParseClusterFile(text, "cluster");
  if (!file.ok()) return 0;
  const auto again = embed::ParseClusterFile(embed::FormatClusterFile(*file), "cluster");
  if (!again.ok() || again->uuid != file->uuid || again->name != file->name ||
      again->secret != file->secret) {
    std::abort();
  }
  return 0;
}
