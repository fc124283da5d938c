// Runs seeds of the virtual world: bazel run //tests/sim -- --seed=N | --seeds=A..B [--verbose]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/sim/run.h"
#include "tests/sim/child_run.h"

namespace {

using storpool::sim::ChildReport;
using storpool::sim::RunOptions;

struct Arguments {
  uint64_t first = 1, last = 1;
  bool verbose = false;
  bool faults = true;
  int64_t seconds = 40;
};

[[noreturn]] void Usage() {
  std::fprintf(stderr,
               "Usage: sim [--seed=N | --seeds=A..B] [--verbose] [--no-faults] [--seconds=S]\n"
               "Runs a cluster in virtual time from each seed, with faults, and checks it.\n");
  std::exit(2);
}

Arguments Parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    unsigned long long first = 0, last = 0;
    long long seconds = 0;
    if (std::sscanf(arg.c_str(), "--seeds=%llu..%llu", &first, &last) == 2) {
      a.first = first;
      a.last = last;
    } else if (std::sscanf(arg.c_str(), "--seed=%llu", &first) == 1) {
      a.first = a.last = first;
    } else if (std::sscanf(arg.c_str(), "--seconds=%lld", &seconds) == 1) {
      a.seconds = seconds;
    } else if (arg == "--verbose") {
      a.verbose = true;
    } else if (arg == "--no-faults") {
      a.faults = false;
    } else {
      Usage();
    }
  }
  return a;
}

bool RunOne(uint64_t seed, const Arguments& a) {
  const auto start = std::chrono::steady_clock::now();
  const RunOptions options{.seed = seed,
                           .faults = a.faults,
                           .load_time = storpool::Duration::Seconds(a.seconds),
                           .verbose = a.verbose,
                           .seams = {}};
  const ChildReport report = storpool::sim::RunInChild(options);
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("seed %llu: %s, %s, took %.1f s\n", static_cast<unsigned long long>(seed),
              report.ok ? "ok" : "FAILED", ToString(report.counts).c_str(), took);
  if (!report.ok) {
    std::printf("%s%s\nseed %llu FAILED; replay it with: %s\n", report.details.c_str(),
                report.error.c_str(), static_cast<unsigned long long>(seed),
                ReplayCommand(options).c_str());
  }
  std::fflush(stdout);
  return report.ok;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments a = Parse(argc, argv);
  uint64_t failed = 0;
  for (uint64_t seed = a.first; seed <= a.last; ++seed) failed += !RunOne(seed, a);
  if (a.last > a.first) {
    std::printf("%llu seeds, %llu failed\n", static_cast<unsigned long long>(a.last - a.first + 1),
                static_cast<unsigned long long>(failed));
  }
  return failed == 0 ? 0 : 1;
}
