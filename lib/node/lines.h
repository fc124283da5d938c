// The lines of layers that this node knows (design 4.7): from metadata's sections and orders, and
// from clients that teach them (9.3). Every disk keeps them, so that they are there after a restart
// without metadata, and hands over what they have removed (4.8).
//
// Invariant: a line never goes back to an older version; what is unknown has been asked for; of
// what metadata has ordered to be kept it hears whenever a disk has come further.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/directory/directory.h"
#include "lib/env/reactor.h"
#include "lib/model/line.h"
#include "lib/node/services.h"
#include "proto/control.pb.h"

namespace storpool::node {

class ChainHost;
class DiskHost;

class Lines {
 public:
  Lines(Services& services, directory::Directory& directory);

  static std::string SectionName(LineageId lineage);
  // What the disk has kept.
  void LoadFrom(DiskHost& disk);
  void Stop() { report_timer_.Stop(); }

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

  // Keep these on all disks, and say how far they are.
  void OnOrder(const LineOrder& order);
  // Says it of all that was ordered and is not done: after each registration.
  void ReportAll();
  // Says which lines the disks have, to metadata that may have forgotten some (R22).
  void SayHere();
  // How far the hand-overs under way are: with each heartbeat.
  void ReportProgress();
  // A disk has come further with this line.
  void OnKept(DiskHost& disk, LineageId lineage);

  // What metadata is asked for after each registration: all that are known and not dropped.
  const std::set<LineageId>& wanted() const { return wanted_; }
  uint64_t highest_lineage() const { return highest_lineage_; }
  uint64_t highest_volume() const { return highest_volume_; }

 private:
  void Keep(const model::Line& line);
  void Ask(LineageId lineage);
  void QueueReport(DiskId disk, LineageId lineage);
  void SendReports();
  bool IsDone(LineageId lineage) const;

  Services& services_;
  directory::Directory& directory_;
  std::set<LineageId> wanted_;
  std::set<LineageId> ordered_;  // and not done
  std::set<std::pair<DiskId, LineageId>> to_report_;
  env::Timer report_timer_;
  uint64_t highest_lineage_ = 0;  // ever seen (R22)
  uint64_t highest_volume_ = 0;
};

}  // namespace storpool::node
