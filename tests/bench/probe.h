// What the reactors of a process ask for, counted by a library that is loaded before all others
// (LD_PRELOAD) into daemons as they are: nothing in the product knows of it.
//
// Counted are threads that run a reactor, from their first sleep on. The counts lie in a file that
// both sides map, one for each process.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace storpool::bench {

// Environment of a process with the probe: where the files lie; "1" if flushes are left out.
inline constexpr char kProbeFolder[] = "STORPOOL_BENCH_PROBE";
inline constexpr char kProbeUnflushed[] = "STORPOOL_BENCH_UNFLUSHED";
// Copies from this size on count: payload, not headers.
inline constexpr size_t kProbeCopyBytes = 2048;

struct ProbePage {
  std::atomic<uint64_t> polls, receives, sends, submits, wakes;
  std::atomic<uint64_t> device_requests, flushes;
  std::atomic<uint64_t> allocations;
  std::atomic<uint64_t> copies, copied_bytes;
};

struct ProbeCounts {
  double polls = 0, receives = 0, sends = 0, submits = 0, wakes = 0;
  double device_requests = 0, flushes = 0;
  double allocations = 0, copies = 0, copied_bytes = 0;

  double system_calls() const { return polls + receives + sends + submits + wakes; }
  ProbeCounts Since(const ProbeCounts& before) const;
  ProbeCounts Each(double operations) const;
};

// Of one operation, on average.
struct OperationCosts {
  double sleeps = 0;  // of all threads of all processes: each is a wake-up
  ProbeCounts client, nodes;
};

// The sum over these processes; of one without the probe: nothing.
ProbeCounts ReadProbes(const std::string& folder, std::span<const pid_t> pids);

}  // namespace storpool::bench
