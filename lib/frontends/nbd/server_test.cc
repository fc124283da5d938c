#include "lib/frontends/nbd/server.h"

#include <gtest/gtest.h>

#include "lib/base/limits.h"
#include "lib/frontends/nbd/test_server.h"

namespace storpool::nbd {
namespace {

TEST(Server, ConnectionsOfOneExportSeeEachOthersWrites) {
  TestServer test;
  const auto one = test.Open(true);
  const auto two = test.Open(true);
  EXPECT_EQ(test.Ask(*one, WriteBytes(1, 0, std::string(512, 'c'))), "1 done");
  EXPECT_EQ(test.Ask(*two, RequestBytes(Command::kFlush, 2, 0, 0)), "2 done");
  std::string data;
  EXPECT_EQ(test.Ask(*two, RequestBytes(Command::kRead, 3, 0, 512), &data), "3 data 0+512.");
  EXPECT_EQ(data, std::string(512, 'c'));
  EXPECT_EQ(test.server.counters().connections_open, 2u);
}

TEST(Server, AResizeIsSeenByNewConnectionsAndHeldByOldOnes) {
  TestServer test;
  const auto old = test.Open(true);
  test.memory.Resize(8192);
  EXPECT_EQ(test.Ask(*old, RequestBytes(Command::kRead, 1, 8192, 512)),
            "1 error 22 beyond the end of the export.");
  const auto fresh = test.network.ConnectToServer();
  fresh->sent.clear();
  fresh->Deliver(Handshake("vol", false));
  EXPECT_EQ(Answers(&fresh->sent).OptionAnswer().data.substr(2, 8), Big(uint64_t{8192}));
}

TEST(Server, ClosingAnExportFinishesWhatIsUnderWayThere) {
  TestServer test;
  block::MemoryBlockDevice other_device(test.reactor, {.size_bytes = 8192});
  test.exports.exports["other"] = &other_device;
  const auto wire = test.Open(true);
  const auto undecided = test.network.ConnectToServer();
  const auto other = test.network.ConnectToServer();
  other->Deliver(Handshake("other", true));
  other->sent.clear();

  EXPECT_EQ(test.server.ClientsOf(test.device), std::vector<std::string>{"test:1"});
  test.delay.Hold();
  wire->Deliver(WriteBytes(1, 0, std::string(4096, 'x')));
  wire->Deliver(WriteBytes(2, 0, std::string(4096, 'x')).substr(0, 2000));
  test.exports.exports.erase("vol");
  int done = 0;
  test.server.CloseDevice(test.device, [&] { ++done; });
  wire->Deliver(RequestBytes(Command::kTrim, 3, 0, 4096));
  test.reactor.RunUntilIdle();
  EXPECT_EQ(done, 0);
  EXPECT_FALSE(wire->closed_by_server);
  test.delay.Release();
  test.reactor.RunUntilIdle();
  EXPECT_EQ(done, 1);
  EXPECT_TRUE(wire->closed_by_server);
  EXPECT_EQ(Answers(&wire->sent).Next(), "1 done");
  EXPECT_TRUE(wire->sent.empty());
  EXPECT_EQ(test.memory.stored_bytes(), 4096u);

  EXPECT_FALSE(undecided->closed_by_server);
  EXPECT_EQ(test.Ask(*other, RequestBytes(Command::kFlush, 1, 0, 0)), "1 done");
  test.server.CloseDevice(test.memory, [&] { ++done; });
  EXPECT_EQ(done, 1) << "never from within the call";
  test.reactor.RunUntilIdle();
  EXPECT_EQ(done, 2);
}

TEST(Server, AnIdleDeviceMayGoAsSoonAsItsExportIsClosed) {
  TestServer test;
  auto gone = std::make_unique<block::MemoryBlockDevice>(
      test.reactor, block::BlockDeviceInfo{.size_bytes = 8192});
  test.exports.exports["gone"] = gone.get();
  const auto wire = test.network.ConnectToServer();
  wire->Deliver(Handshake("gone", true) + RequestBytes(Command::kFlush, 1, 0, 0));
  test.reactor.RunUntilIdle();
  test.exports.exports.erase("gone");
  bool done = false;
  test.server.CloseDevice(*gone, [&] { done = true; });
  gone = nullptr;
  wire->Deliver(RequestBytes(Command::kRead, 2, 0, 512));
  test.reactor.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_TRUE(wire->closed_by_server);
}

TEST(Server, ADeviceIsClosedUnderAllItsNames) {
  TestServer test;
  test.exports.exports["alias"] = &test.device;
  const auto wire = test.network.ConnectToServer();
  wire->Deliver(Handshake("alias", true));
  EXPECT_EQ(test.server.ClientsOf(test.device).size(), 1u);
  bool done = false;
  test.server.CloseDevice(test.device, [&] { done = true; });
  test.reactor.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_TRUE(wire->closed_by_server);
}

TEST(Server, StopEndsAllConnectionsAndLetsNobodyIn) {
  TestServer test;
  const auto wire = test.Open(true);
  const auto undecided = test.network.ConnectToServer();
  EXPECT_EQ(test.server.address(), "test:10809");
  bool done = false;
  test.server.Stop([&] { done = true; });
  test.reactor.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_TRUE(wire->closed_by_server && undecided->closed_by_server);
  EXPECT_EQ(test.server.address(), "");
  EXPECT_EQ(test.server.counters().connections_open, 0u);
}

TEST(Server, AClientThatDoesNotTakeItsAnswersIsCutOff) {
  TestServer test;
  const auto wire = test.Open(true);
  wire->client_reads = false;
  wire->Deliver(RequestBytes(Command::kFlush, 1, 0, 0));
  test.reactor.RunUntilIdle();
  bool done = false;
  test.server.Stop([&] { done = true; });
  test.reactor.AdvanceBy(Duration::Millis(kNbdDrainMs - 1));
  EXPECT_FALSE(done);
  test.reactor.AdvanceBy(Duration::Millis(1));
  EXPECT_TRUE(done);
  EXPECT_TRUE(wire->closed_by_server);
}

TEST(Server, StopWaitsForTheDeviceHoweverLongItTakes) {
  TestServer test;
  const auto wire = test.Open(true);
  test.delay.Hold();
  wire->Deliver(WriteBytes(1, 0, std::string(512, 'x')));
  bool done = false;
  test.server.Stop([&] { done = true; });
  test.reactor.AdvanceBy(Duration::Millis(10 * kNbdDrainMs));
  EXPECT_FALSE(done);
  test.delay.Release();
  test.reactor.RunUntilIdle();
  EXPECT_TRUE(done);
  EXPECT_EQ(test.memory.stored_bytes(), 4096u);
}

TEST(Server, RefusesConnectionsBeyondItsLimit) {
  TestServer test;
  std::vector<std::shared_ptr<Wire>> wires;
  for (uint32_t i = 0; i < kNbdConnectionsMax; ++i) {
    wires.push_back(test.network.ConnectToServer());
    ASSERT_NE(wires.back(), nullptr);
  }
  EXPECT_EQ(test.network.ConnectToServer(), nullptr);
  wires[5]->Disconnect();
  test.reactor.RunUntilIdle();
  EXPECT_NE(test.network.ConnectToServer(), nullptr);
}

}  // namespace
}  // namespace storpool::nbd
