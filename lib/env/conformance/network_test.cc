// The contract of lib/env/stream.h.
#include <algorithm>
#include <cstring>

#include "lib/base/random.h"
#include "lib/env/conformance/world.h"

namespace storpool::env {
namespace {

class TestHandler : public StreamHandler {
 public:
  void OnConnected() override { connected = true; }
  void OnBytes(std::span<const uint8_t> bytes) override {
    received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (then) then();
  }
  std::span<uint8_t> DirectTarget() override { return std::span(target).subspan(filled); }
  void OnFilled(size_t size_bytes) override { filled += size_bytes; }
  void OnDrained() override { ++drained; }
  void OnClosed(const absl::Status& reason) override {
    ++closed;
    why = reason;
    if (destroy_on_close) stream = nullptr;
  }
  std::unique_ptr<Stream> stream;
  std::string received;
  std::vector<uint8_t> target;
  size_t filled = 0;
  bool connected = false;
  bool destroy_on_close = false;
  int drained = 0;
  int closed = 0;
  absl::Status why;
  std::function<void()> then;
};

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class NetworkTest : public WorldTest {
 protected:
  NetworkTest() {
    auto result = world->network().Listen(world->listen_address(), [this](auto stream) {
      ++accepted;
      server.stream = std::move(stream);
      return refuse ? nullptr : &server;
    });
    EXPECT_TRUE(result.ok()) << result.status();
    listener = *std::move(result);
  }
  void ConnectBoth() {
    client.stream = world->network().Connect(listener->address(), &client);
    ASSERT_TRUE(world->RunUntil([&] { return client.connected && accepted == 1; }));
  }
  BufferPool pool;
  TestHandler client, server;
  int accepted = 0;
  bool refuse = false;
  std::unique_ptr<Listener> listener;
};

TEST_P(NetworkTest, TellsThePortThatWasTaken) {
  EXPECT_NE(listener->address(), "");
  EXPECT_FALSE(std::string_view(listener->address()).ends_with(":0"));
}

TEST_P(NetworkTest, RefusesAnAddressInUseAndSaysSo) {
  const auto second = world->network().Listen(listener->address(), [](auto) { return nullptr; });
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  const std::string text(second.status().message());
  EXPECT_NE(text.find(listener->address()), std::string::npos) << text;
  EXPECT_NE(text.find("in use"), std::string::npos) << text;
}

TEST_P(NetworkTest, DeliversInOrderBothWays) {
  ConnectBoth();
  client.stream->Send(Bytes("one,"));
  client.stream->Send(pool.Copy(Bytes("two,")));
  client.stream->Send(Bytes("three"));
  EXPECT_EQ(client.stream->unsent_bytes(), 13u);
  ASSERT_TRUE(world->RunUntil([&] { return server.received.size() == 13; }));
  EXPECT_EQ(server.received, "one,two,three");
  EXPECT_EQ(client.stream->unsent_bytes(), 0u);
  EXPECT_EQ(client.drained, 1);
  server.stream->Send(Bytes("answer"));
  ASSERT_TRUE(world->RunUntil([&] { return client.received == "answer"; }));
}

TEST_P(NetworkTest, WhatIsSentBeforeTheConnectionStandsArrives) {
  client.stream = world->network().Connect(listener->address(), &client);
  client.stream->Send(Bytes("early"));
  EXPECT_TRUE(world->RunUntil([&] { return server.received == "early"; }));
}

TEST_P(NetworkTest, LargeRandomTrafficArrivesWhole) {
  ConnectBoth();
  Random random(3);
  std::string sent;
  for (int i = 0; i < 400; ++i) {
    std::string piece(1 + random.Below(i % 10 == 0 ? 300'000 : 3000), '\0');
    for (char& c : piece) c = static_cast<char>(random.Next());
    sent += piece;
    if (random.OneIn(1, 2)) {
      client.stream->Send(Bytes(piece));
    } else {
      client.stream->Send(pool.Copy(Bytes(piece)));
    }
    if (random.OneIn(1, 20)) world->RunFor(Duration::Micros(100));
  }
  ASSERT_TRUE(world->RunUntil([&] { return server.received.size() >= sent.size(); }));
  EXPECT_TRUE(server.received == sent);
  ASSERT_TRUE(world->RunUntil([&] { return client.drained > 0; }));
  EXPECT_EQ(client.stream->unsent_bytes(), 0u);
  EXPECT_EQ(pool.blocks_in_use(), 0u);
}

TEST_P(NetworkTest, FillsTheTargetAndGivesTheRestAsBytes) {
  ConnectBoth();
  server.target.resize(100'000);
  std::string sent(100'000, 'x');
  sent += "behind";
  client.stream->Send(Bytes(sent));
  ASSERT_TRUE(world->RunUntil([&] { return server.received.size() == 6; }));
  EXPECT_EQ(server.filled, 100'000u);
  EXPECT_EQ(server.received, "behind");
  EXPECT_TRUE(
      std::all_of(server.target.begin(), server.target.end(), [](uint8_t b) { return b == 'x'; }));
}

TEST_P(NetworkTest, TargetSetWhileBytesAreHandedOnGetsTheNextBytes) {
  ConnectBoth();
  // A frame of 4 bytes that announces 10, and one more: the handler takes the first and asks for
  // the payload; both may have come together.
  server.then = [&] {
    if (server.received.size() == 4) server.target.resize(10);
  };
  client.stream->Send(Bytes("head"));
  ASSERT_TRUE(world->RunUntil([&] { return server.received == "head"; }));
  client.stream->Send(Bytes("0123456789next"));
  ASSERT_TRUE(world->RunUntil([&] { return server.received == "headnext"; }));
  EXPECT_EQ(std::memcmp(server.target.data(), "0123456789", 10), 0);
}

TEST_P(NetworkTest, PausedReadingHoldsBytesBack) {
  ConnectBoth();
  server.stream->PauseReading();
  client.stream->Send(Bytes("held"));
  world->RunFor(Duration::Millis(20));
  EXPECT_EQ(server.received, "");
  server.stream->ResumeReading();
  EXPECT_TRUE(world->RunUntil([&] { return server.received == "held"; }));
}

TEST_P(NetworkTest, ClosingTellsThePeerAfterTheBytesAndNotTheCloser) {
  ConnectBoth();
  client.stream->Send(Bytes("last"));
  ASSERT_TRUE(world->RunUntil([&] { return client.drained == 1; }));
  client.stream->Close();
  ASSERT_TRUE(world->RunUntil([&] { return server.closed == 1; }));
  EXPECT_EQ(server.received, "last");
  EXPECT_FALSE(server.why.ok());
  world->RunFor(Duration::Millis(5));
  EXPECT_EQ(client.closed, 0);
  EXPECT_EQ(server.closed, 1);
}

TEST_P(NetworkTest, DestroyingAStreamClosesIt) {
  ConnectBoth();
  client.stream = nullptr;
  EXPECT_TRUE(world->RunUntil([&] { return server.closed == 1; }));
}

TEST_P(NetworkTest, AStreamMayBeDestroyedInItsOwnCallbacks) {
  ConnectBoth();
  server.then = [&] { server.stream = nullptr; };
  client.destroy_on_close = true;
  client.stream->Send(Bytes("bye"));
  ASSERT_TRUE(world->RunUntil([&] { return client.closed == 1; }));
  EXPECT_EQ(client.stream, nullptr);
}

TEST_P(NetworkTest, ConnectingToNobodyClosesLater) {
  const std::string address = listener->address();
  listener = nullptr;
  client.stream = world->network().Connect(address, &client);
  EXPECT_EQ(client.closed, 0);
  ASSERT_TRUE(world->RunUntil([&] { return client.closed == 1; }));
  EXPECT_FALSE(client.connected);
  EXPECT_NE(client.why.message().find(address), std::string::npos) << client.why;
}

TEST_P(NetworkTest, ARefusedStreamIsClosed) {
  refuse = true;
  client.stream = world->network().Connect(listener->address(), &client);
  EXPECT_TRUE(world->RunUntil([&] { return client.closed == 1; }));
}

TEST_P(NetworkTest, AcceptedStreamsOutliveTheListener) {
  ConnectBoth();
  listener = nullptr;
  client.stream->Send(Bytes("still"));
  EXPECT_TRUE(world->RunUntil([&] { return server.received == "still"; }));
}

INSTANTIATE_TEST_SUITE_P(Worlds, NetworkTest, testing::ValuesIn(AllWorlds()), WorldName);

}  // namespace
}  // namespace storpool::env
