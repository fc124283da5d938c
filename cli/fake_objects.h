// A small cluster of fixed content, as answers of the Admin service.
#pragma once

#include <cstdint>
#include <string>

#include "proto/admin.pb.h"

namespace storpool::cli {

inline constexpr int64_t kFakeNowSeconds = 1'795'000'000;
inline constexpr uint64_t kFakeGeneration = 7;
inline constexpr uint64_t kGiB = uint64_t{1} << 30;

// Of 100 GiB, or of another size; a snapshot's is of volume db1.
VolumeInfoAnswer VolumeOf(const std::string& name, uint64_t id, uint64_t size_bytes = 100 * kGiB);
VolumeInfoAnswer SnapshotOf(const std::string& name, uint64_t id, uint64_t size_bytes = 100 * kGiB);
// Either, small, on two chains.
VolumeDescribeAnswer DescriptionOf(const std::string& name, bool snapshot);

StatusAnswer StatusOf(bool healthy);
ServiceListAnswer Services();
DiskListAnswer Disks();
PlacementGroupListAnswer Groups(const std::string& name);  // empty: all
TemplateListAnswer Templates();
VolumeListAnswer Volumes();
VolumeListAnswer Snapshots();
VolumeStatus StatusOfVolume(const std::string& name, bool snapshot);
VolumeStatusAnswer StatusOfAll();
SpaceListAnswer SpaceOf(const SpaceListRequest& request);
AttachListAnswer Attachments();
ClientStatusAnswer Clients();
RelocatorDisksAnswer DisksOfRelocator();
TaskListAnswer Tasks();

}  // namespace storpool::cli
