#include "lib/json/work.h"

namespace storpool::json {
namespace {

constexpr char kRecovery[] = "recovery", kRelocator[] = "relocator";
// StorPool's number for a recovery is 0; the others have none here.
constexpr int kRecoveryNumber = 0;
constexpr int kOtherNumber = 2;

}  // namespace

// Not by its disk: 0 is one.
bool IsOfDisk(const Task& task) { return task.kind() == kRecovery || task.kind() == kRelocator; }

Json JsonOf(const Task& task) {
  return {{"diskId", task.disk()},
          {"transactionId", task.kind() == kRecovery ? kRecoveryNumber : kOtherNumber},
          {"kind", task.kind()},
          {"name", task.name()},
          {"allObjects", task.all()},
          {"completedObjects", task.completed()},
          {"dispatchedObjects", 0},
          {"unresolvedObjects", 0},
          {"remainingBytes", task.bytes_left()}};
}

Json TasksOfDisks(const TaskListAnswer& answer) {
  Json json = Json::array();
  for (const Task& task : answer.tasks()) {
    if (IsOfDisk(task)) json.push_back(JsonOf(task));
  }
  return json;
}

Json JsonOf(const ClientStatusAnswer::One& client) {
  return {{"id", client.id()},
          {"generation", client.generation()},
          {"clientGeneration", client.client_generation()},
          {"configStatus", client.status()},
          {"delay", client.delay_ms()}};
}

}  // namespace storpool::json
