// What only the simulated network has: several hosts, delays, links that stall and break.
#include "lib/env/memory/memory_network.h"

#include <vector>

#include "gtest/gtest.h"
#include "lib/base/random.h"
#include "lib/env/memory/manual_reactor.h"

namespace storpool::env {
namespace {

class Peer : public StreamHandler {
 public:
  void OnConnected() override { connected = true; }
  void OnBytes(std::span<const uint8_t> bytes) override {
    received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    ++calls;
  }
  void OnClosed(const absl::Status& reason) override {
    ++closed;
    why = reason;
  }
  void Send(std::string_view text) {
    stream->Send(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  }
  std::unique_ptr<Stream> stream;
  std::string received;
  int calls = 0;
  bool connected = false;
  int closed = 0;
  absl::Status why;
};

// Two hosts on one clock.
class MemoryNetworkTest : public testing::Test {
 protected:
  void RunAll() {
    while (a.RunTurn() || b.RunTurn()) {
    }
  }
  void RunFor(Duration time) {
    const Instant end = clock.Now() + time;
    RunAll();
    for (Instant next; (next = std::min(a.next_timer(), b.next_timer())) <= end;) {
      clock.AdvanceTo(next);
      RunAll();
    }
    clock.AdvanceTo(end);
  }
  void Connect() {
    listener = *network_b->Listen("b:7000", [this](auto stream) {
      server.stream = std::move(stream);
      return &server;
    });
    client.stream = network_a->Connect("b:7000", &client);
    RunFor(Duration::Millis(10));
    ASSERT_TRUE(client.connected);
  }
  VirtualClock clock;
  ManualReactor a{&clock}, b{&clock};
  MemoryNetwork hub;
  std::unique_ptr<Network> network_a = hub.Attach(a, "a");
  std::unique_ptr<Network> network_b = hub.Attach(b, "b");
  std::unique_ptr<Listener> listener;
  Peer client, server;
};

TEST_F(MemoryNetworkTest, DelaysAndNeverReorders) {
  Connect();
  std::vector<int64_t> delays = {3000, 10, 10};
  hub.set_delay([&](const std::string& from, const std::string& to, size_t) {
    EXPECT_EQ(from + to, "ab");
    const int64_t us = delays.front();
    delays.erase(delays.begin());
    return Duration::Micros(us);
  });
  for (const char* text : {"1", "2", "3"}) {
    client.Send(text);
    RunAll();
  }
  RunFor(Duration::Micros(2999));
  EXPECT_EQ(server.received, "");
  RunFor(Duration::Micros(1));
  EXPECT_EQ(server.received, "123");
  hub.set_delay(nullptr);
}

TEST_F(MemoryNetworkTest, HandsOnPieces) {
  Connect();
  hub.set_piece([](size_t size) { return std::min<size_t>(size, 2); });
  client.Send("12345");
  RunAll();
  EXPECT_EQ(server.received, "12345");
  EXPECT_EQ(server.calls, 3);
}

TEST_F(MemoryNetworkTest, AStallHoldsOneDirectionAndLosesNothing) {
  Connect();
  hub.Stall("a", "b", true);
  client.Send("there");
  server.Send("back");
  RunFor(Duration::Seconds(5));
  EXPECT_EQ(server.received, "");
  EXPECT_EQ(client.received, "back");
  hub.Stall("a", "b", false);
  RunAll();
  EXPECT_EQ(server.received, "there");
}

TEST_F(MemoryNetworkTest, ABrokenLinkResetsBothAndRefusesUntilItIsMended) {
  Connect();
  client.Send("lost");
  hub.Break("b", "a", true);
  RunAll();
  EXPECT_EQ(client.closed, 1);
  EXPECT_EQ(server.closed, 1);
  Peer again;
  again.stream = network_a->Connect("b:7000", &again);
  RunAll();
  EXPECT_EQ(again.closed, 1);
  hub.Break("a", "b", false);
  Peer third;
  third.stream = network_a->Connect("b:7000", &third);
  RunAll();
  EXPECT_TRUE(third.connected);
}

TEST_F(MemoryNetworkTest, DroppingAConnectionCutsItsBytesAnywhereButNotInTheMiddle) {
  Connect();
  hub.set_delay([](const auto&, const auto&, size_t) { return Duration::Millis(1); });
  client.Send("first");
  RunFor(Duration::Millis(2));
  client.Send("second");
  RunAll();
  hub.DropConnections("a", "b");
  RunFor(Duration::Millis(5));
  EXPECT_EQ(server.received, "first");
  EXPECT_EQ(server.closed + client.closed, 2);
  EXPECT_EQ(hub.open_streams(), 0u);
}

TEST_F(MemoryNetworkTest, AResetReachesAlsoWhoIsStalledOrPaused) {
  Connect();
  hub.Stall("a", "b", true);
  client.stream->PauseReading();
  hub.DropConnections("a", "b");
  RunAll();
  EXPECT_EQ(server.closed + client.closed, 2);
}

TEST_F(MemoryNetworkTest, ADeadHostBehindAStallIsSilent) {
  Connect();
  hub.Stall("b", "a", true);
  server.stream = nullptr;
  listener = nullptr;
  RunFor(Duration::Seconds(60));
  EXPECT_EQ(client.closed, 0);
  hub.Stall("b", "a", false);
  RunAll();
  EXPECT_EQ(client.closed, 1);
}

TEST_F(MemoryNetworkTest, WhoWaitsForAListenerThatGoesIsRefused) {
  hub.set_delay([](const auto&, const auto&, size_t) { return Duration::Millis(1); });
  listener = *network_b->Listen("b:7000", [](auto) { return nullptr; });
  client.stream = network_a->Connect("b:7000", &client);
  RunAll();
  listener = nullptr;
  RunFor(Duration::Millis(5));
  EXPECT_EQ(client.closed, 1);
  EXPECT_FALSE(client.connected);
}

TEST_F(MemoryNetworkTest, AClientThatGoesWhileItWaitsIsNeverAccepted) {
  hub.set_delay([](const auto&, const auto&, size_t) { return Duration::Millis(1); });
  int accepted = 0;
  listener = *network_b->Listen("b:7000", [&](auto) {
    ++accepted;
    return nullptr;
  });
  client.stream = network_a->Connect("b:7000", &client);
  client.stream = nullptr;
  RunFor(Duration::Millis(5));
  EXPECT_EQ(accepted, 0);
}

}  // namespace
}  // namespace storpool::env
