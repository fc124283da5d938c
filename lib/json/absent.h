// Why features that StorPool has are not here, and the way out: what the JSON API and storpoolctl
// answer with `notSupported`. Where the way out is a command, both its forms are named.
#pragma once

#include <string_view>

namespace storpool::json {

inline constexpr std::string_view kNoBalancer =
    "there is no balancer that computes allocations of its own: chains are spread over the disks "
    "of their groups by capacity, and the relocator moves them (relocator status, "
    "VolumeRelocatorStatus)";
inline constexpr std::string_view kNoMaintenance =
    "there is no maintenance mode: stop the node; it has ten minutes to come back before other "
    "disks take its chains";
inline constexpr std::string_view kNoSettings =
    "there are no settings of the cluster, but for relocator on and off";
inline constexpr std::string_view kNoIscsi = "there is no iSCSI target; attach volumes over NBD";
inline constexpr std::string_view kNoRemote = "there are no remote locations, bridges or backups";
inline constexpr std::string_view kNoDiskTest =
    "a disk that was ejected is not tested here; disk ID return lets it in again";
inline constexpr std::string_view kNoRecoverySetting =
    "how much a disk recovers at a time cannot be set";
inline constexpr std::string_view kNoIgnore =
    "each chain waits for its own mirrors only; disk ID forget (DiskForget) names a disk that is "
    "gone";
inline constexpr std::string_view kNoAbandon =
    "a lost copy needs no order here: disk ID forget (DiskForget) names a disk that is gone";
inline constexpr std::string_view kNoScrub = "disks are not scrubbed or retrimmed on request";
inline constexpr std::string_view kNoActiveRequests = "requests under way are not listed";
inline constexpr std::string_view kNoVag =
    "there are no volume allocation groups; volume NAME describe (VolumeDescribe) says where a "
    "volume lies";
inline constexpr std::string_view kNoObjects =
    "disks do not list their objects; disk list (DisksList) has their room";

}  // namespace storpool::json
