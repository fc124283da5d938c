#include "tests/bench/process_cpu.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace storpool::bench {

uint64_t CpuNanos(std::span<const pid_t> pids) {
  uint64_t sum = 0;
  for (const pid_t pid : pids) {
    std::error_code error;
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
      std::ifstream file(task.path() / "schedstat");
      uint64_t nanos = 0;
      if (file >> nanos) sum += nanos;
    }
  }
  return sum;
}

}  // namespace storpool::bench
