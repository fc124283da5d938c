#include "tests/bench/report.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace storpool::bench {
namespace {

constexpr double CaseResult::*kValues[] = {&CaseResult::iops,    &CaseResult::mean_us,
                                           &CaseResult::p50_us,  &CaseResult::p99_us,
                                           &CaseResult::p999_us, &CaseResult::cpu_us_per_op};

std::string Values(const CaseResult& r) {
  return absl::StrFormat(
      "\"iops\":%.0f,\"mean_us\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
      "\"cpu_us_per_op\":%.1f",
      r.iops, r.mean_us, r.p50_us, r.p99_us, r.p999_us, r.cpu_us_per_op);
}

std::string Values(const ProbeCounts& c) {
  return absl::StrFormat(
      "{\"system_calls\":%.2f,\"polls\":%.2f,\"receives\":%.2f,\"sends\":%.2f,\"submits\":%.2f,"
      "\"wakes\":%.2f,\"device_requests\":%.2f,\"flushes\":%.2f,\"allocations\":%.3f,"
      "\"copies\":%.2f,\"copied_bytes\":%.0f}",
      c.system_calls(), c.polls, c.receives, c.sends, c.submits, c.wakes, c.device_requests,
      c.flushes, c.allocations, c.copies, c.copied_bytes);
}

}  // namespace

std::string CostsToJson(const Case& what, const OperationCosts& costs) {
  return absl::StrFormat("{\"case\":\"%s\",\"sleeps\":%.2f,\"client\":%s,\"nodes\":%s}",
                         what.Name(), costs.sleeps, Values(costs.client), Values(costs.nodes));
}

CaseResult Median(const std::vector<CaseResult>& rounds) {
  CaseResult median;
  for (const auto value : kValues) {
    std::vector<double> all;
    for (const CaseResult& round : rounds) all.push_back(round.*value);
    std::sort(all.begin(), all.end());
    const size_t middle = all.size() / 2;
    median.*value = all.size() % 2 == 1 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
  }
  return median;
}

std::string ToJson(const CaseReport& report) {
  const std::string own =
      report.own_floor ? absl::StrFormat(",\"own_floor\":{%s}", Values(*report.own_floor)) : "";
  return absl::StrFormat("{\"case\":\"%s\",%s,\"floor\":{%s}%s}", report.what.Name(),
                         Values(report.ours), Values(report.floor), own);
}

std::string ToTable(const std::vector<CaseReport>& reports) {
  std::string table =
      absl::StrFormat("%-26s %9s %9s %9s %9s %8s %12s %12s\n", "case", "IOPS", "mean us", "p99 us",
                      "p99.9 us", "CPU us", "IOPS/floor", "mean/floor");
  for (const CaseReport& r : reports) {
    absl::StrAppendFormat(&table, "%-26s %9.0f %9.1f %9.1f %9.1f %8.1f %12.2f %12.2f\n",
                          r.what.Name(), r.ours.iops, r.ours.mean_us, r.ours.p99_us, r.ours.p999_us,
                          r.ours.cpu_us_per_op, r.ours.iops / r.floor.iops,
                          r.ours.mean_us / r.floor.mean_us);
    if (!r.own_floor) continue;
    absl::StrAppendFormat(&table,
                          "    floor %.0f IOPS, %.1f us; our own floor %.0f IOPS, %.1f us: "
                          "%.2f x and %.2f x\n",
                          r.floor.iops, r.floor.mean_us, r.own_floor->iops, r.own_floor->mean_us,
                          r.own_floor->iops / r.floor.iops, r.own_floor->mean_us / r.floor.mean_us);
  }
  return table;
}

}  // namespace storpool::bench
