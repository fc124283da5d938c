// Calls of features that StorPool has and this system has not. Each is answered by an error that
// says so (lib/json/absent.h), never by something that looks like success.
#include "lib/http/calls.h"
#include "lib/json/absent.h"

namespace storpool::http {
namespace {

absl::StatusOr<Run> Absent(std::string_view why) {
  return absl::UnimplementedError(std::string(why));
}

absl::StatusOr<Run> NoRemote(const Input&) { return Absent(json::kNoRemote); }
absl::StatusOr<Run> NoIscsi(const Input&) { return Absent(json::kNoIscsi); }
absl::StatusOr<Run> NoBalancer(const Input&) { return Absent(json::kNoBalancer); }
absl::StatusOr<Run> NoMaintenance(const Input&) { return Absent(json::kNoMaintenance); }
absl::StatusOr<Run> NoActiveRequests(const Input&) { return Absent(json::kNoActiveRequests); }
absl::StatusOr<Run> NoScrub(const Input&) { return Absent(json::kNoScrub); }
absl::StatusOr<Run> NoVag(const Input&) { return Absent(json::kNoVag); }
absl::StatusOr<Run> NoObjects(const Input&) { return Absent(json::kNoObjects); }
absl::StatusOr<Run> NoAbandon(const Input&) { return Absent(json::kNoAbandon); }
absl::StatusOr<Run> NoIgnore(const Input&) { return Absent(json::kNoIgnore); }

}  // namespace

std::vector<Call> AbsentCalls() {
  return {
      {Method::kGet, "AllPeersActiveRequests", 0, NoActiveRequests},
      {Method::kGet, "ClientActiveRequests", 1, NoActiveRequests},
      {Method::kPost, "ClusterAdd", 0, NoRemote},
      {Method::kPost, "ClusterRemove", 0, NoRemote},
      {Method::kPost, "ClusterRename", 0, NoRemote},
      {Method::kGet, "ClustersList", 0, NoRemote},
      {Method::kGet, "DiskActiveRequests", 1, NoActiveRequests},
      {Method::kGet, "DiskDescribe", 1, NoObjects},
      {Method::kPost, "DiskIgnore", 1, NoIgnore},
      {Method::kPost, "DiskRetrim", 1, NoScrub},
      {Method::kPost, "DiskScrubContinue", 1, NoScrub},
      {Method::kPost, "DiskScrubPause", 1, NoScrub},
      {Method::kPost, "DiskScrubStart", 1, NoScrub},
      {Method::kGet, "ExportsList", 0, NoRemote},
      {Method::kPost, "LocationAdd", 0, NoRemote},
      {Method::kPost, "LocationRemove", 0, NoRemote},
      {Method::kPost, "LocationRename", 0, NoRemote},
      {Method::kPost, "LocationUpdate", 0, NoRemote},
      {Method::kGet, "LocationsList", 0, NoRemote},
      {Method::kPost, "MaintenanceComplete", 0, NoMaintenance},
      {Method::kGet, "MaintenanceList", 0, NoMaintenance},
      {Method::kPost, "MaintenanceSet", 0, NoMaintenance},
      {Method::kPost, "RemoteBridgeAdd", 0, NoRemote},
      {Method::kPost, "RemoteBridgeRemove", 0, NoRemote},
      {Method::kGet, "RemoteBridgesList", 0, NoRemote},
      {Method::kGet, "ServerDiskDescribe", 2, NoObjects},
      {Method::kPost, "SnapshotExport", 0, NoRemote},
      {Method::kPost, "SnapshotFromRemote", 0, NoRemote},
      {Method::kPost, "SnapshotMoveToRemote", 1, NoRemote},
      {Method::kPost, "SnapshotUnexport", 0, NoRemote},
      {Method::kPost, "SnapshotUpdateVag", 1, NoVag},
      {Method::kGet, "SnapshotsRemoteList", 0, NoRemote},
      {Method::kPost, "SnapshotsRemoteUnexport", 0, NoRemote},
      {Method::kGet, "VagList", 1, NoVag},
      {Method::kPost, "VagUpdate", 0, NoVag},
      {Method::kPost, "VolumeAbandonDisk", 1, NoAbandon},
      {Method::kPost, "VolumeBackup", 0, NoRemote},
      {Method::kGet, "VolumeBalancerDisksList", 0, NoBalancer},
      {Method::kGet, "VolumeBalancerSnapshotDiskSets", 1, NoBalancer},
      {Method::kGet, "VolumeBalancerSnapshotDisks", 1, NoBalancer},
      {Method::kGet, "VolumeBalancerStatus", 0, NoBalancer},
      {Method::kPost, "VolumeBalancerStatus", 0, NoBalancer},
      {Method::kGet, "VolumeBalancerVolumeDiskSets", 1, NoBalancer},
      {Method::kGet, "VolumeBalancerVolumeDisks", 1, NoBalancer},
      {Method::kGet, "VolumeBalancerVolumesStatus", 0, NoBalancer},
      {Method::kPost, "VolumeExport", 1, NoRemote},
      {Method::kGet, "VolumeExportsList", 0, NoRemote},
      {Method::kPost, "VolumeFromRemote", 0, NoRemote},
      {Method::kPost, "VolumeMoveToRemote", 1, NoRemote},
      {Method::kPost, "VolumeUpdateVag", 1, NoVag},
      {Method::kPost, "VolumesGroupBackup", 0, NoRemote},
      {Method::kGet, "VolumesRemoteList", 0, NoRemote},
      {Method::kGet, "iSCSIConfig", 0, NoIscsi},
      {Method::kPost, "iSCSIConfig", 0, NoIscsi},
      {Method::kGet, "iSCSISessionsInfo", 0, NoIscsi},
      {Method::kGet, "iSCSInterfacesInfo", 0, NoIscsi},
  };
}

}  // namespace storpool::http
