// What a volume must know of lines to read: its own, and those of its foreign parents, nearest
// first (design 9.4). A pure view of the directory, taken anew whenever that changes.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/base/limits.h"
#include "lib/base/types.h"
#include "lib/directory/directory.h"

namespace storpool::client {

struct Ancestor {
  LineageId lineage;
  TableId table;
  LineVersion version;
  LayerId layer;        // the one that is read
  uint64_t size_bytes;  // what is to be seen of it: beyond this everything is a hole
  uint32_t chains;      // of its table
  bool has_parent;      // a foreign one; which may not be among the lines below
  bool operator==(const Ancestor&) const = default;
};

struct Ancestry {
  // [0]: the volume's own line. Not all foreign parents if something is not known here yet, or if
  // only so many were asked for.
  std::vector<Ancestor> lines;
  // What is not known, if anything is: the line of a lineage, or a table.
  LineageId unknown_line;
  TableId unknown_table;
  // The volume, or a layer that it needs, is no more: `gone` is the lineage.
  LineageId gone;

  bool complete() const {
    return unknown_line == LineageId() && unknown_table == TableId() && gone == LineageId();
  }
  bool operator==(const Ancestry&) const = default;
};

// `layer`: of a snapshot, the one that is read; LayerId(): the newest. At most `parents_max`
// foreign parents are looked at.
Ancestry AncestryOf(const directory::Directory& directory, LineageId lineage, LayerId layer,
                    size_t parents_max = kForeignParentsMax);

}  // namespace storpool::client
