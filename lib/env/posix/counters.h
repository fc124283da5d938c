// What one reactor has asked of the kernel and copied so far: read by benches, which print it per
// operation and keep it from growing (design 11).
#pragma once

#include <cstdint>

namespace storpool::env {

struct ReactorCounters {
  uint64_t turns = 0;
  uint64_t polls = 0;     // epoll_wait
  uint64_t sleeps = 0;    // polls that were allowed to wait
  uint64_t controls = 0;  // epoll_ctl
  uint64_t wakes = 0;     // eventfd writes by other threads that found the reactor asleep

  uint64_t receives = 0;
  uint64_t sends = 0;
  uint64_t bytes_received = 0;
  uint64_t bytes_received_direct = 0;  // of those: straight into their destination
  uint64_t bytes_sent = 0;
  uint64_t bytes_copied = 0;  // by Stream::Send of bytes

  uint64_t io_submits = 0;
  uint64_t io_getevents = 0;
  uint64_t io_done = 0;

  uint64_t system_calls() const {
    return polls + controls + wakes + receives + sends + io_submits + io_getevents;
  }
};

}  // namespace storpool::env
