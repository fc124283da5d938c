// A disk in memory that can lie as disks do: MemoryDisk is the medium, which outlives processes and
// power, MemoryDevice one process's open handle of it.
//
// Invariant: what a flush or a durable write has confirmed survives PowerCut; of everything else,
// writes under way included, any subset of 512-byte sectors does, each in any of the versions that
// it had since. Deterministic: all choices come from the Random that is handed in.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/random.h"
#include "lib/base/types.h"
#include "lib/env/device.h"
#include "lib/env/reactor.h"

namespace storpool::env {

// Copyable, so that a test can try many power cuts from one state.
class MemoryDisk {
 public:
  static constexpr uint32_t kSector = 512;  // what power loss keeps or loses as a whole

  explicit MemoryDisk(const DeviceInfo& info) : info_(info) {}
  explicit MemoryDisk(uint64_t size_bytes) : info_{.size_bytes = size_bytes} {}

  const DeviceInfo& info() const { return info_; }
  // Operations that have begun so far, reads and flushes included: the first has number 1.
  uint64_t operations() const { return operations_; }

  // Faults. Operations [first, first + count) end with `status` and change nothing.
  void FailOperations(uint64_t first, uint64_t count, absl::Status status);
  // Power fails when operation `number` has begun and none has ended since: nothing ends any more
  // and later requests do nothing, until PowerCut. 0: never.
  void CutPowerAt(uint64_t number) { cut_at_ = number; }
  bool power_lost() const { return power_lost_; }
  // How long each request takes; none: it ends in the next turn.
  using Latency = std::function<Duration(const DeviceIo& io)>;
  void set_latency(Latency latency) { latency_ = std::move(latency); }
  // Silent corruption, also of what is not yet flushed.
  void FlipBit(uint64_t offset_bytes, int bit);

  // Power loss, and power again: open a new MemoryDevice afterwards.
  void PowerCut(Random& random);
  // What processes had under way when they died reaches the medium now.
  void LandAbandoned();

  // What a reader sees now; any range. Write: as if it had always been there, durable.
  void Read(uint64_t offset_bytes, std::span<uint8_t> to) const;
  void Write(uint64_t offset_bytes, std::span<const uint8_t> bytes);
  // 512-byte sectors that power loss may take.
  size_t unflushed_sectors() const { return unflushed_.size(); }

 private:
  friend class MemoryDevice;
  static constexpr uint64_t kPage = 4096;
  using SectorBytes = std::array<uint8_t, kSector>;
  struct SectorVersion {
    uint64_t order;
    SectorBytes bytes;
  };
  // A write or discard that has begun and not ended.
  struct UnderWay {
    uint64_t offset_bytes;
    std::vector<uint8_t> bytes;  // write
    uint64_t discard_bytes;      // discard
    uint64_t flushes_up_to;      // flush: versions completed before it began
  };

  uint64_t Begin(const DeviceIo& io);  // returns its number
  absl::Status End(uint64_t number, const DeviceIo& io);
  void PutSector(uint64_t sector, const uint8_t* bytes);
  void AddVersions(const UnderWay& write);
  void Settle(uint64_t sector, uint64_t up_to_order);
  void Discard(uint64_t offset_bytes, uint64_t size_bytes);
  const SectorBytes* Newest(uint64_t sector) const;

  DeviceInfo info_;
  std::map<uint64_t, std::array<uint8_t, kPage>> pages_;  // durable; absent: zeroes
  std::map<uint64_t, std::vector<SectorVersion>> unflushed_;
  std::map<uint64_t, UnderWay> under_way_;  // by operation number
  std::map<uint64_t, absl::Status> failing_;
  uint64_t operations_ = 0;
  uint64_t order_ = 0;
  uint64_t cut_at_ = 0;
  bool power_lost_ = false;
  Latency latency_;
};

class MemoryDevice : public Device, private PhaseHook {
 public:
  // The disk outlives the device.
  MemoryDevice(Reactor& reactor, MemoryDisk* disk);
  // With requests under way this is the death of a process: nobody hears of them any more, and they
  // reach the medium by LandAbandoned or partly by PowerCut.
  ~MemoryDevice() override;

  const DeviceInfo& info() const override { return disk_->info(); }
  void Queue(DeviceIo* io) override;
  Counters counters() const override { return counters_; }

 private:
  void OnPhase(Phase phase) override;
  void EndDue();
  void ArmTimer();
  void Count(const DeviceIo& io);

  Reactor& reactor_;
  MemoryDisk* disk_;
  std::vector<DeviceIo*> queued_;
  std::map<std::pair<Instant, uint64_t>, DeviceIo*> under_way_;  // by end and number
  Timer timer_;
  Counters counters_;
};

}  // namespace storpool::env
