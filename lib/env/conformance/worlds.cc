#include <unistd.h>

#include <cstdlib>

#include "lib/base/check.h"
#include "lib/env/checked_device.h"
#include "lib/env/checked_stream.h"
#include "lib/env/conformance/world.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/env/memory/memory_device.h"
#include "lib/env/memory/memory_network.h"
#include "lib/env/posix/disk_file.h"
#include "lib/env/posix/posix_device.h"
#include "lib/env/posix/posix_network.h"
#include "lib/env/posix/posix_reactor.h"

namespace storpool::env {
namespace {

class MemoryWorld : public World {
 public:
  Reactor& reactor() override { return reactor_; }
  bool RunUntil(const std::function<bool()>& done) override {
    for (int turn = 0; turn < 1'000'000; ++turn) {
      if (done()) return true;
      if (reactor_.RunTurn()) continue;
      if (reactor_.next_timer() == Instant::Max()) return false;
      reactor_.AdvanceTo(reactor_.next_timer());
    }
    return false;
  }
  void RunFor(Duration time) override { reactor_.AdvanceBy(time); }
  std::unique_ptr<Device> OpenDevice() override {
    return std::make_unique<CheckedDevice>(std::make_unique<MemoryDevice>(reactor_, &disk_));
  }
  Network& network() override { return checked_; }
  std::string listen_address() override { return "a:0"; }

 private:
  ManualReactor reactor_;
  MemoryDisk disk_{DeviceInfo{.size_bytes = kDiskBytes, .can_discard = true}};
  MemoryNetwork hub_;
  std::unique_ptr<Network> network_ = hub_.Attach(reactor_, "a");
  CheckedNetwork checked_{*network_};
};

class PosixWorld : public World {
 public:
  PosixWorld(bool unix_sockets, PosixDevice::FlushBy flush_by) : unix_sockets_(unix_sockets) {
    device_options_.flush_by = flush_by;
    device_options_.disk.discard_file = !unix_sockets;
    // On a real file system where there is one: O_DIRECT and flushes as in production.
    std::string pattern = testing::TempDir() + "/world.XXXXXX";
    SP_CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    // The path of a socket must be short.
    std::string short_pattern = "/tmp/world.XXXXXX";
    SP_CHECK(mkdtemp(short_pattern.data()) != nullptr);
    socket_folder_ = short_pattern;
    SP_CHECK(CreateDiskFile(disk_path(), kDiskBytes, /*sparse=*/false).ok());
  }
  ~PosixWorld() override {
    unlink(disk_path().c_str());
    rmdir(folder_.c_str());
    rmdir(socket_folder_.c_str());
  }
  Reactor& reactor() override { return reactor_; }
  bool RunUntil(const std::function<bool()>& done) override {
    return reactor_.RunUntil(done, Duration::Seconds(10));
  }
  void RunFor(Duration time) override {
    reactor_.RunUntil([] { return false; }, time);
  }
  std::unique_ptr<Device> OpenDevice() override {
    auto device = PosixDevice::Open(reactor_, disk_path(), device_options_);
    SP_CHECK(device.ok());
    return std::make_unique<CheckedDevice>(*std::move(device));
  }
  Network& network() override { return checked_; }
  std::string listen_address() override {
    return unix_sockets_ ? "unix:" + socket_folder_ + "/socket" : "127.0.0.1:0";
  }

 private:
  std::string disk_path() const { return folder_ + "/disk"; }

  const bool unix_sockets_;
  PosixDevice::Options device_options_;
  std::string folder_;
  std::string socket_folder_;
  PosixReactor reactor_;
  PosixNetwork network_{reactor_};
  CheckedNetwork checked_{network_};
};

}  // namespace

std::vector<WorldKind> AllWorlds() {
  using FlushBy = PosixDevice::FlushBy;
  return {
      {"Memory", [] { return std::make_unique<MemoryWorld>(); }},
      {"PosixTcp", [] { return std::make_unique<PosixWorld>(false, FlushBy::kDsyncWrite); }},
      {"PosixUnix", [] { return std::make_unique<PosixWorld>(true, FlushBy::kFdsync); }},
  };
}

}  // namespace storpool::env
