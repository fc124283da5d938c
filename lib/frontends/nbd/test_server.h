// A server of one volume in memory under virtual time, for unit tests of the NBD front end: the
// volume may be held, and the contract of block devices is checked.
#pragma once

#include <memory>
#include <string>

#include "lib/base/check.h"
#include "lib/block/checked_device.h"
#include "lib/block/delay_device.h"
#include "lib/block/fault_device.h"
#include "lib/block/memory_block_device.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/frontends/nbd/server.h"
#include "lib/frontends/nbd/test_client.h"
#include "lib/frontends/nbd/test_stream.h"

namespace storpool::nbd {

struct TestServer {
  static constexpr uint64_t kSizeBytes = 256 << 20;

  explicit TestServer(block::BlockDeviceInfo info = {.size_bytes = kSizeBytes})
      : memory(reactor, info) {
    exports.exports["vol"] = &device;
    SP_CHECK(server.Listen(network, "test:10809").ok());
  }

  // A connection that has opened "vol"; what the handshake answered is taken off.
  std::shared_ptr<Wire> Open(bool structured) {
    std::shared_ptr<Wire> wire = network.ConnectToServer();
    wire->Deliver(Handshake("vol", structured));
    wire->sent.clear();
    return wire;
  }
  // Delivers, runs all, and returns the next answer in words.
  std::string Ask(Wire& wire, std::string_view bytes, std::string* data = nullptr,
                  size_t simple_data_bytes = 0) {
    wire.Deliver(bytes);
    reactor.RunUntilIdle();
    return Answers(&wire.sent).Next(data, simple_data_bytes);
  }

  env::ManualReactor reactor;
  block::MemoryBlockDevice memory;
  block::DelayDevice delay{reactor, memory, Duration(), Duration(), 1};
  absl::Status failure;  // of every write, unless OK
  block::FaultDevice fault{reactor, delay, [this](const block::BlockIo& io) {
                             return io.op == block::BlockOp::kWrite ? failure : absl::OkStatus();
                           }};
  block::CheckedDevice device{fault};
  TestDirectory exports;
  TestLog log;
  TestNetwork network;
  Server server{reactor, log, exports};
};

}  // namespace storpool::nbd
