// The checkers of lib/env find what they are there for.
#include "gtest/gtest.h"
#include "lib/base/buffer.h"
#include "lib/env/checked_device.h"
#include "lib/env/checked_stream.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/env/memory/memory_device.h"

namespace storpool::env {
namespace {

class Io : public DeviceIo {
 public:
  void OnDone(const absl::Status&) override { ++done; }
  int done = 0;
};

// Calls back from within Queue, and as often as it is told.
class HastyDevice : public Device {
 public:
  const DeviceInfo& info() const override { return info_; }
  void Queue(DeviceIo* io) override {
    if (within) io->OnDone(absl::OkStatus());
    last = io;
  }
  Counters counters() const override { return {}; }
  bool within = false;
  DeviceIo* last = nullptr;

 private:
  DeviceInfo info_{.size_bytes = 1 << 20};
};

class CheckedDeviceDeathTest : public testing::Test {
 protected:
  CheckedDeviceDeathTest() {
    write.op = second.op = DeviceIo::Op::kWrite;
    write.slices = second.slices = {&slice, 1};
  }
  ManualReactor reactor;
  MemoryDisk disk{1 << 20};
  BufferPool pool;
  Buffer memory = pool.AllocateZeroed(8192);
  IoSlice slice{memory.data(), 4096};
  CheckedDevice device{std::make_unique<MemoryDevice>(reactor, &disk)};
  Io write, second;
};

TEST_F(CheckedDeviceDeathTest, FindsMisalignedRequests) {
  write.offset_bytes = 100;
  EXPECT_DEATH(device.Queue(&write), "check failed");
  write.offset_bytes = 0;
  slice.data += 8;
  EXPECT_DEATH(device.Queue(&write), "check failed");
  slice = {memory.data(), 100};
  EXPECT_DEATH(device.Queue(&write), "check failed");
}

TEST_F(CheckedDeviceDeathTest, FindsRequestsBeyondTheEnd) {
  write.offset_bytes = 1 << 20;
  EXPECT_DEATH(device.Queue(&write), "check failed");
  write.offset_bytes = UINT64_MAX - 4095;
  EXPECT_DEATH(device.Queue(&write), "check failed");
}

TEST_F(CheckedDeviceDeathTest, FindsTwoWritesOfOneSectorUnderWay) {
  device.Queue(&write);
  second.offset_bytes = 3584;
  EXPECT_DEATH(device.Queue(&second), "check failed");
  second.offset_bytes = 4096;
  device.Queue(&second);
  reactor.RunUntilIdle();
  EXPECT_EQ(write.done + second.done, 2);
  second.offset_bytes = 3584;
  device.Queue(&second);  // the first is done
  reactor.RunUntilIdle();
}

TEST_F(CheckedDeviceDeathTest, FindsARequestQueuedTwiceAndMemoryThatChanges) {
  device.Queue(&write);
  EXPECT_DEATH(device.Queue(&write), "check failed");
  memory.data()[17] = 1;
  EXPECT_DEATH(reactor.RunUntilIdle(), "check failed");
}

TEST_F(CheckedDeviceDeathTest, FindsADeviceThatCallsFromWithinQueueOrTwice) {
  auto hasty = std::make_unique<HastyDevice>();
  HastyDevice* raw = hasty.get();
  CheckedDevice checked(std::move(hasty));
  checked.Queue(&write);
  raw->last->OnDone(absl::OkStatus());
  raw->within = true;
  EXPECT_DEATH(checked.Queue(&write), "check failed");
}

// A stream that does what a test makes it do.
class WildNetwork : public Network {
 public:
  class WildStream : public Stream {
   public:
    void Send(std::span<const uint8_t>) override {
      if (on_send) on_send();
    }
    void Send(Buffer) override {}
    size_t unsent_bytes() const override { return 1; }
    void PauseReading() override {}
    void ResumeReading() override {}
    void Close() override {}
    std::string peer_address() const override { return "wild"; }
    std::function<void()> on_send;
  };
  absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view, Acceptor) override {
    return absl::UnimplementedError("connects only");
  }
  std::unique_ptr<Stream> Connect(std::string_view, StreamHandler* h) override {
    handler = h;
    auto made = std::make_unique<WildStream>();
    stream = made.get();
    return made;
  }
  StreamHandler* handler = nullptr;
  WildStream* stream = nullptr;
};

class Sink : public StreamHandler {
 public:
  void OnBytes(std::span<const uint8_t>) override {}
  std::span<uint8_t> DirectTarget() override { return target; }
  void OnClosed(const absl::Status&) override {}
  std::span<uint8_t> target;
};

class CheckedStreamDeathTest : public testing::Test {
 protected:
  const uint8_t byte = 0;
  WildNetwork wild;
  CheckedNetwork network{wild};
  Sink sink;
  std::unique_ptr<Stream> stream = network.Connect("x:1", &sink);
};

TEST_F(CheckedStreamDeathTest, FindsBytesBeforeTheConnectionStands) {
  EXPECT_DEATH(wild.handler->OnBytes({&byte, 1}), "check failed");
  wild.handler->OnConnected();
  wild.handler->OnBytes({&byte, 1});
  EXPECT_DEATH(wild.handler->OnConnected(), "check failed");
}

TEST_F(CheckedStreamDeathTest, FindsCallsAfterTheEnd) {
  wild.handler->OnClosed(absl::UnavailableError("gone"));
  EXPECT_DEATH(wild.handler->OnClosed(absl::UnavailableError("gone")), "check failed");
  EXPECT_DEATH(wild.handler->OnConnected(), "check failed");
}

TEST_F(CheckedStreamDeathTest, FindsCallsAfterClose) {
  stream->Close();
  EXPECT_DEATH(wild.handler->OnConnected(), "check failed");
}

TEST_F(CheckedStreamDeathTest, FindsCallsFromWithinACall) {
  wild.handler->OnConnected();
  wild.stream->on_send = [&] { wild.handler->OnBytes({&byte, 1}); };
  EXPECT_DEATH(stream->Send({&byte, 1}), "check failed");
}

TEST_F(CheckedStreamDeathTest, FindsBytesThatBelongIntoTheTargetOrOverflowIt) {
  wild.handler->OnConnected();
  uint8_t memory[4];
  sink.target = memory;
  EXPECT_DEATH(wild.handler->OnBytes({&byte, 1}), "check failed");
  EXPECT_EQ(wild.handler->DirectTarget().size(), 4u);
  EXPECT_DEATH(wild.handler->OnFilled(5), "check failed");
}

TEST_F(CheckedStreamDeathTest, FindsADrainThatIsNone) {
  wild.handler->OnConnected();
  EXPECT_DEATH(wild.handler->OnDrained(), "check failed");
}

}  // namespace
}  // namespace storpool::env
