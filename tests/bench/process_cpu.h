// CPU time and wake-ups of processes, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

namespace storpool::bench {

// Nanoseconds that all threads of these processes have run so far; of one that is gone: nothing.
uint64_t CpuNanos(std::span<const pid_t> pids);
// How often their threads have gone to sleep, waiting for something: each costs a wake-up.
uint64_t Sleeps(std::span<const pid_t> pids);

}  // namespace storpool::bench
