#include "lib/placement/fill.h"

#include "lib/placement/plan.h"

namespace storpool::placement {

absl::StatusOr<std::vector<Row>> FillTable(const std::vector<Disk>& disks, const Policy& policy,
                                           uint32_t chains,
                                           const std::map<DiskId, Load>& elsewhere) {
  Plan plan = PlanTable(disks, policy, std::vector<Chain>(chains), elsewhere);
  if (!plan.missing.ok()) return plan.missing;
  return std::move(plan.rows);
}

}  // namespace storpool::placement
