// Work in the background, and how far clients are with what was decided, as JSON in StorPool's
// shape (reference 3.3).
#pragma once

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

Json JsonOf(const Task& task);
Json JsonOf(const RelocatorDisksAnswer::One& disk);
Json JsonOf(const ClientStatusAnswer::One& client);
// Where every chunk lies: targetDiskSets and objects.
Json JsonOf(const VolumeDescribeAnswer& answer);

}  // namespace storpool::json
