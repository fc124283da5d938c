// One round of a case on a running cluster, and the fill before the first.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/cases.h"
#include "tests/bench/load.h"
#include "tests/bench/probe.h"
#include "tests/bench/report.h"

namespace storpool::bench {

struct Round {
  CaseResult result;
  OperationCosts costs;  // without the probe only the sleeps
};

class Measurement {
 public:
  // `probe_folder` is empty without the probe. The cluster outlives it.
  Measurement(BenchCluster& cluster, std::string probe_folder);
  ~Measurement();

  // Writes every block of the volume once.
  absl::Status Fill();
  // The share of one core that the daemons use while nobody asks for anything.
  double IdleShare(double seconds);
  // `seed` chooses the places; every round has its own.
  absl::StatusOr<Round> Run(const Case& what, double seconds, uint64_t seed);

 private:
  struct Reading {  // totals so far
    double seconds = 0, cpu_nanos = 0, sleeps = 0;
    ProbeCounts client, nodes;
  };
  Reading Read() const;
  void Start(const LoadOptions& options);
  void SetMeasuring(bool measuring);
  // Waits until all that is under way has ended.
  absl::Status Finish(double limit_seconds);

  BenchCluster& cluster_;
  const std::string probe_folder_;
  std::unique_ptr<Content> content_;  // both on the client's reactor
  std::unique_ptr<Load> load_;
};

}  // namespace storpool::bench
