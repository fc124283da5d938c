#include "lib/client/ancestry.h"

#include <algorithm>

namespace storpool::client {
namespace {

const model::Layer* FindLayer(const model::Line& line, LayerId id) {
  const auto it = std::lower_bound(line.layers.begin(), line.layers.end(), id,
                                   [](const model::Layer& l, LayerId want) { return l.id < want; });
  return it != line.layers.end() && it->id == id ? &*it : nullptr;
}

}  // namespace

Ancestry AncestryOf(const directory::Directory& directory, LineageId lineage, LayerId layer,
                    size_t parents_max) {
  Ancestry out;
  uint64_t visible_bytes = kVolumeBytesMax;
  while (true) {
    const model::Line* line = directory.FindLine(lineage);
    if (line == nullptr) {
      out.unknown_line = lineage;
      return out;
    }
    const bool own = out.lines.empty();
    const model::Layer* read = line->layers.empty()        ? nullptr
                               : own && layer == LayerId() ? &line->newest()
                                                           : FindLayer(*line, layer);
    if (line->dropped || read == nullptr) {
      out.gone = lineage;
      return out;
    }
    const uint32_t chains = directory.ChainsOf(line->table);
    if (chains == 0) {
      out.unknown_table = line->table;
      return out;
    }
    if (own) visible_bytes = read->size_bytes;
    const bool has_parent = line->foreign_parent.has_value();
    out.lines.push_back(
        {lineage, line->table, line->version, read->id, visible_bytes, chains, has_parent});
    if (!has_parent || out.lines.size() > parents_max) return out;
    visible_bytes = std::min(visible_bytes, line->foreign_parent->size_bytes);
    lineage = line->foreign_parent->lineage;
    layer = line->foreign_parent->layer;
  }
}

}  // namespace storpool::client
