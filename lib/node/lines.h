// The lines of layers that this node knows (design 4.7): from metadata's sections and from clients
// that teach them (9.3), kept on every disk so that they are there after a restart without
// metadata.
//
// Invariant: a line never goes back to an older version; what is unknown has been asked for.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lib/directory/directory.h"
#include "lib/model/line.h"
#include "lib/node/services.h"

namespace storpool::node {

class ChainHost;
class DiskHost;

class Lines {
 public:
  Lines(Services& services, directory::Directory& directory)
      : services_(services), directory_(directory) {}

  // What the disk kept of this lineage; called for each note at start.
  static std::string NoteKey(LineageId lineage);
  void LoadFrom(DiskHost& disk);

  // nullptr if unknown. Valid until the next line is learned.
  const model::Line* Find(LineageId lineage) const { return directory_.FindLine(lineage); }
  // Asks metadata for it, once; news of it come as they happen.
  void Want(LineageId lineage);
  // Replica::OnLineKnown when it is here, perhaps at once.
  void Await(ChainHost& host, LineageId lineage, LineVersion version);
  // A client's, or metadata's.
  void Learn(const model::Line& line);
  // After the directory took over something newer, or could not, since too little of it came.
  void OnChanged(const directory::Changes& changes);

  const std::set<LineageId>& wanted() const { return wanted_; }
  uint64_t highest_lineage() const { return highest_lineage_; }
  uint64_t highest_volume() const { return highest_volume_; }

 private:
  struct Waiter {
    ChainHost* host;
    LineageId lineage;
    LineVersion version;
  };

  void Keep(const model::Line& line);
  void KeepList();

  Services& services_;
  directory::Directory& directory_;
  std::set<LineageId> wanted_;
  std::vector<Waiter> waiters_;
  uint64_t highest_lineage_ = 0;  // ever seen (R22)
  uint64_t highest_volume_ = 0;
};

}  // namespace storpool::node
