#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "tests/bench/probe.h"

namespace storpool::bench {
namespace {

constexpr std::pair<double ProbeCounts::*, std::atomic<uint64_t> ProbePage::*> kFields[] = {
    {&ProbeCounts::polls, &ProbePage::polls},
    {&ProbeCounts::receives, &ProbePage::receives},
    {&ProbeCounts::sends, &ProbePage::sends},
    {&ProbeCounts::submits, &ProbePage::submits},
    {&ProbeCounts::wakes, &ProbePage::wakes},
    {&ProbeCounts::device_requests, &ProbePage::device_requests},
    {&ProbeCounts::flushes, &ProbePage::flushes},
    {&ProbeCounts::allocations, &ProbePage::allocations},
    {&ProbeCounts::copies, &ProbePage::copies},
    {&ProbeCounts::copied_bytes, &ProbePage::copied_bytes},
};

}  // namespace

ProbeCounts ProbeCounts::Since(const ProbeCounts& before) const {
  ProbeCounts result;
  for (const auto& [count, page] : kFields) result.*count = this->*count - before.*count;
  return result;
}

ProbeCounts ProbeCounts::Each(double operations) const {
  ProbeCounts result;
  for (const auto& [count, page] : kFields) result.*count = this->*count / operations;
  return result;
}

ProbeCounts ReadProbes(const std::string& folder, std::span<const pid_t> pids) {
  ProbeCounts sum;
  for (const pid_t pid : pids) {
    const int fd = open((folder + "/" + std::to_string(pid)).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    void* memory = mmap(nullptr, sizeof(ProbePage), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (memory == MAP_FAILED) continue;
    const auto* page = static_cast<const ProbePage*>(memory);
    for (const auto& [count, field] : kFields) {
      sum.*count += static_cast<double>((page->*field).load());
    }
    munmap(memory, sizeof(ProbePage));
  }
  return sum;
}

}  // namespace storpool::bench
