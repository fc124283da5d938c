// What all processes of one simulated cluster share, and the seams at which a test may look at or
// spoil what passes between them (canaries plant their bugs here, from outside).
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/random.h"
#include "lib/env/device.h"
#include "lib/env/entropy.h"
#include "lib/env/log_sink.h"
#include "lib/env/memory/memory_device.h"
#include "lib/env/memory/memory_network.h"
#include "lib/sim/control_network.h"
#include "lib/sim/ledger.h"
#include "lib/sim/store_tap.h"
#include "lib/sim/world.h"
#include "lib/wire/messages.h"

namespace storpool::sim {

// The log lines of all processes, with virtual time: printed at once, or the last ones kept.
class LogBook {
 public:
  LogBook(World& world, bool verbose) : world_(world), verbose_(verbose) {}
  void Add(std::string_view process, std::string_view text);
  bool verbose() const { return verbose_; }
  const std::deque<std::string>& last() const { return last_; }

 private:
  static constexpr size_t kKept = 400;
  World& world_;
  const bool verbose_;
  std::deque<std::string> last_;
};

class ProcessLog final : public env::LogSink {
 public:
  ProcessLog(LogBook& book, std::string process) : book_(book), process_(std::move(process)) {}
  bool Enabled(env::LogLevel level) const override {
    return level != env::LogLevel::kDebug || book_.verbose();
  }
  void Log(env::LogLevel level, std::string_view component, std::string_view text) override;

 private:
  LogBook& book_;
  const std::string process_;
};

class SeededEntropy final : public env::Entropy {
 public:
  explicit SeededEntropy(Random random) : random_(random) {}
  void Fill(std::span<uint8_t> bytes) override {
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random_.Below(256));
  }

 private:
  Random random_;
};

// All optional. `host` names who sends, writes or opens.
struct Seams {
  // May change the message.
  std::function<void(const std::string& host, wire::Message& message)> on_send;
  std::function<void(const std::string& host, ToMetadata& message)> to_metadata;
  // True: the request is to end well without being done.
  std::function<bool(DiskId disk, env::DeviceIo& io)> on_device;
  // What stands between a member and the store of its disk.
  WrapStore wrap_store;
  // A node is about to start, and this is what one of its disks holds.
  std::function<void(DiskId disk, env::MemoryDisk& medium)> before_start;
};

// What passed, by what was seen of it from outside.
struct Traffic {
  uint64_t frames = 0;
  uint64_t frame_bytes = 0;
  uint64_t device_writes = 0;
  uint64_t device_bytes = 0;
  uint64_t resync_entries = 0;  // streamed and scanned
  uint64_t resync_bytes = 0;
  uint64_t confirmations = 0;  // reads that a lease did not cover
  uint64_t repairs = 0;        // damaged blocks that another mirror has brought
};

// A batch of a store's log, as it was written.
struct BatchWritten {
  uint64_t number = 0;
  uint64_t mark = 0;  // that number was known to be durable
  uint64_t payload_at_bytes = 0;
  uint32_t payload_blocks = 0;
};

struct DiskState {
  uint64_t fail_next = 0;            // so many requests end with an error
  int slowness = 1;                  // requests take so many times as long
  std::deque<BatchWritten> written;  // of this life, the newest last
};

struct Site {
  World& world;
  env::MemoryNetwork& network;
  ControlNetwork& control;
  LogBook& log;
  Seams seams;
  Traffic traffic;
  Ledger ledger;
  std::map<DiskId, DiskState> disks;
  // Damage may be more than mirrors can heal: then a member says so, and reads fail.
  bool rot = false;
  std::array<uint8_t, 16> cluster = {};
  std::string secret;
};

}  // namespace storpool::sim
