// What a case measured, beside the floor of the same rounds: medians, JSON, a table for eyes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/bench/cases.h"
#include "tests/bench/floor.h"
#include "tests/bench/probe.h"

namespace storpool::bench {

// The same values as of the floor.
using CaseResult = FloorResult;

struct CaseReport {
  Case what;
  CaseResult ours, floor;
  // Our own floor, if `floor` is another program's: the two should agree.
  std::optional<CaseResult> own_floor;
};

// Of each value by itself; `rounds` is not empty.
CaseResult Median(const std::vector<CaseResult>& rounds);

// One object on one line, with the floor's as "floor" and, if there is one, "own_floor".
std::string ToJson(const CaseReport& report);
// {"case":...,"sleeps":...,"client":{...},"nodes":{...}}: per operation.
std::string CostsToJson(const Case& what, const OperationCosts& costs);
// With a heading; IOPS and mean latency as shares of the floor's.
std::string ToTable(const std::vector<CaseReport>& reports);

}  // namespace storpool::bench
