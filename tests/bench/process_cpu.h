// CPU time of other processes, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

namespace storpool::bench {

// Nanoseconds that all threads of these processes have run so far; of one that is gone: nothing.
uint64_t CpuNanos(std::span<const pid_t> pids);

}  // namespace storpool::bench
