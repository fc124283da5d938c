#include "tests/bench/process_cpu.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace storpool::bench {
namespace {

// Sums value(folder of a thread in /proc) over all threads of the processes.
template <class Value>
uint64_t SumOverThreads(std::span<const pid_t> pids, const Value& value) {
  uint64_t sum = 0;
  for (const pid_t pid : pids) {
    std::error_code error;
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
      sum += value(task.path());
    }
  }
  return sum;
}

}  // namespace

uint64_t CpuNanos(std::span<const pid_t> pids) {
  return SumOverThreads(pids, [](const std::filesystem::path& task) {
    std::ifstream file(task / "schedstat");
    uint64_t nanos = 0;
    return file >> nanos ? nanos : 0;
  });
}

uint64_t Sleeps(std::span<const pid_t> pids) {
  return SumOverThreads(pids, [](const std::filesystem::path& task) -> uint64_t {
    std::ifstream file(task / "status");
    for (std::string word; file >> word;) {
      uint64_t count = 0;
      if (word == "voluntary_ctxt_switches:") return file >> count ? count : 0;
    }
    return 0;
  });
}

}  // namespace storpool::bench
