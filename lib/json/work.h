// Work in the background, and how far clients are with what was decided, as JSON in StorPool's
// shape (reference 3.3).
#pragma once

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

// Whether it is work on a disk; else it is on the layers of a volume or snapshot.
bool IsOfDisk(const Task& task);

Json JsonOf(const Task& task);
// StorPool's TasksList: a task is of a disk there, so work on layers is not in it.
Json TasksOfDisks(const TaskListAnswer& answer);
Json JsonOf(const ClientStatusAnswer::One& client);

}  // namespace storpool::json
