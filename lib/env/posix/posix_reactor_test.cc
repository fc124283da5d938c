// What only the real reactor and its streams have: threads, sleeping, and what a turn costs.
#include "lib/env/posix/posix_reactor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>

#include "gtest/gtest.h"
#include "lib/base/limits.h"
#include "lib/env/posix/allocation_counter.h"
#include "lib/env/posix/blocking_thread.h"
#include "lib/env/posix/posix_network.h"
#include "lib/env/posix/socket_address.h"

namespace storpool::env {
namespace {

TEST(PosixReactorTest, OtherThreadsPostInOrderAndStopIt) {
  PosixReactor reactor;
  std::vector<int> seen[2];
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&reactor, &seen, t] {
      for (int i = 0; i < 20'000; ++i) {
        reactor.Post([&seen, t, i] { seen[t].push_back(i); });
      }
    });
  }
  std::thread stopper([&] {
    for (std::thread& thread : threads) thread.join();
    reactor.Post([&] { reactor.Stop(); });
  });
  reactor.Run();
  stopper.join();
  for (const std::vector<int>& numbers : seen) {
    ASSERT_EQ(numbers.size(), 20'000u);
    for (int i = 0; i < 20'000; ++i) ASSERT_EQ(numbers[static_cast<size_t>(i)], i);
  }
}

TEST(BlockingThreadTest, NobodyHearsOfAnythingOnceItIsGone) {
  PosixReactor reactor;
  std::atomic<int> begun = 0;
  int heard = 0;
  auto thread = std::make_unique<BlockingThread>(reactor);
  thread->Run([&] { ++begun; }, [&] { ++heard; });
  ASSERT_TRUE(reactor.RunUntil([&] { return heard == 1; }, Duration::Seconds(5)));
  thread->Run([&] { ++begun; }, [&] { ++heard; });
  while (begun < 2) usleep(100);
  thread.reset();  // the end of the second is posted now, and not yet told
  reactor.Post([&] { reactor.Stop(); });
  reactor.Run();
  EXPECT_EQ(heard, 1);
}

TEST(PosixReactorTest, SleepsWhenThereIsNothingToDoAndWakesForAPost) {
  PosixReactor reactor;
  std::thread poster([&] {
    usleep(30'000);
    reactor.Post([&] { reactor.Stop(); });
  });
  reactor.Run();
  poster.join();
  EXPECT_LE(reactor.counters().turns, 4u);
  EXPECT_EQ(reactor.counters().wakes, 1u);
}

// Of this thread: the fourth number of struct sched_attr (sched_setattr(2)).
uint64_t SliceOfCoreNanos() {
  std::array<uint64_t, 6> attributes = {};
  const long got = syscall(SYS_sched_getattr, 0, attributes.data(), sizeof attributes, 0);
  return got == 0 ? attributes[3] : 0;
}

TEST(PosixReactorTest, ItsThreadAsksForShortSlices) {
  if (SliceOfCoreNanos() == 0) GTEST_SKIP() << "this kernel gives nobody a slice of its own";
  uint64_t slice_ns = 0;
  std::thread thread([&] {
    PosixReactor reactor;
    reactor.Stop();
    reactor.Run();
    slice_ns = SliceOfCoreNanos();
  });
  thread.join();
  EXPECT_EQ(slice_ns, 300'000u);
}

TEST(PosixReactorTest, StopBeforeRunEndsIt) {
  PosixReactor reactor;
  reactor.Stop();
  reactor.Run();
  EXPECT_EQ(reactor.counters().sleeps, 0u);
}

TEST(PosixReactorTest, SpinsBeforeItSleepsOnlyWhenAsked) {
  for (const bool spin : {false, true}) {
    PosixReactor reactor({.spin = spin ? Duration::Millis(5) : Duration()});
    Timer timer(reactor, [&] { reactor.Stop(); });
    timer.StartIn(Duration::Millis(10));
    reactor.Run();
    EXPECT_EQ(reactor.counters().polls > 20, spin) << reactor.counters().polls;
    EXPECT_GE(reactor.counters().sleeps, 1u);
  }
}

TEST(PosixReactorTest, TimersDoNotFireEarlyThoughTheReactorWasIdleBefore) {
  PosixReactor reactor;
  usleep(20'000);
  const Instant armed = reactor.clock().Now();
  Instant fired;
  Timer timer(reactor, [&] { fired = reactor.Now(); });
  timer.StartIn(Duration::Millis(10));
  ASSERT_TRUE(reactor.RunUntil([&] { return !timer.active(); }, Duration::Seconds(5)));
  EXPECT_GE(fired - armed, Duration::Millis(10));
}

// Sends back a message of the same size for each that is complete.
class Echo : public StreamHandler {
 public:
  static constexpr size_t kMessage = 4096 + 64;
  void OnConnected() override { connected = true; }
  void OnBytes(std::span<const uint8_t> bytes) override {
    received += bytes.size();
    while (received >= kMessage) {
      received -= kMessage;
      ++messages;
      if (messages < limit) Send();
    }
  }
  void OnClosed(const absl::Status&) override { closed = true; }
  void Send() {
    stream->Send({header, sizeof header});
    stream->Send(payload);
  }
  std::unique_ptr<Stream> stream;
  Buffer payload;
  uint8_t header[64] = {};
  size_t received = 0;
  int messages = 0;
  int limit = 0;
  bool connected = false;
  bool closed = false;
};

TEST(PosixStreamTest, SteadyStateAllocatesNothingAndTakesThreeSystemCallsAMessage) {
  PosixReactor reactor;
  PosixNetwork network(reactor);
  BufferPool pool;
  Echo client, server;
  auto listener = network.Listen("127.0.0.1:0", [&](auto stream) {
    server.stream = std::move(stream);
    return &server;
  });
  ASSERT_TRUE(listener.ok()) << listener.status();
  client.stream = network.Connect((*listener)->address(), &client);
  client.payload = pool.AllocateZeroed(4096);
  server.payload = pool.AllocateZeroed(4096);
  const auto run = [&](int messages) {
    client.limit = server.limit = client.messages + messages;
    ++server.limit;
    client.Send();
    return reactor.RunUntil([&] { return client.messages >= client.limit; }, Duration::Seconds(20));
  };
  ASSERT_TRUE(run(100));
  const uint64_t allocations = AllocationsOfThisThread();
  const ReactorCounters before = reactor.counters();
  const uint64_t blocks = reactor.pool().blocks_allocated();
  ASSERT_TRUE(run(1000));
  const ReactorCounters& after = reactor.counters();
  EXPECT_LE(AllocationsOfThisThread() - allocations, 2u);  // RunUntil's function
  EXPECT_EQ(reactor.pool().blocks_allocated(), blocks);
  // A message: one send, one receive (rarely two), at most one poll. Only headers are copied.
  EXPECT_EQ(after.sends - before.sends, 2000u);
  EXPECT_LE(after.system_calls() - before.system_calls(), 2000u * 3 + 200);
  EXPECT_EQ(after.bytes_copied - before.bytes_copied, 2000u * 64);
}

TEST(PosixStreamTest, QueuesWhatTheSocketDoesNotTake) {
  PosixReactor reactor;
  PosixNetwork network(reactor);
  BufferPool pool;
  Echo client, server;
  auto listener = network.Listen("127.0.0.1:0", [&](auto stream) {
    server.stream = std::move(stream);
    server.stream->PauseReading();
    return &server;
  });
  ASSERT_TRUE(listener.ok()) << listener.status();
  client.stream = network.Connect((*listener)->address(), &client);
  for (int i = 0; i < 64; ++i) client.stream->Send(pool.Allocate(1 << 20));
  const auto accepted = [&] { return server.stream != nullptr; };
  ASSERT_TRUE(reactor.RunUntil(accepted, Duration::Seconds(5)));
  server.stream->PauseReading();
  reactor.RunUntil([] { return false; }, Duration::Millis(50));
  EXPECT_GT(client.stream->unsent_bytes(), 32u << 20);
  server.stream->ResumeReading();
  const auto all = [&] { return client.stream->unsent_bytes() == 0; };
  EXPECT_TRUE(reactor.RunUntil(all, Duration::Seconds(20)));
  EXPECT_EQ(pool.blocks_in_use(), 0u);
}

int OptionOf(int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(fd, level, option, &value, &size);
  return value;
}

// The socket of this process that has this address and is connected.
int AcceptedAt(const std::string& address) {
  for (int fd = 3; fd < 1024; ++fd) {
    SocketAddress peer;
    const bool connected = getpeername(fd, peer.raw(), &peer.size_bytes) == 0;
    if (connected && SocketAddress::Local(fd).ToString() == address) return fd;
  }
  return -1;
}

TEST(PosixStreamTest, APeerThatIsGoneWithoutAWordIsFoundOut) {
  PosixReactor reactor;
  PosixNetwork network(reactor);
  Echo client, server;
  auto listener = network.Listen("127.0.0.1:0", [&](auto stream) {
    server.stream = std::move(stream);
    return &server;
  });
  ASSERT_TRUE(listener.ok()) << listener.status();
  client.stream = network.Connect((*listener)->address(), &client);
  ASSERT_TRUE(reactor.RunUntil([&] { return server.stream != nullptr; }, Duration::Seconds(5)));
  const int fd = AcceptedAt((*listener)->address());
  ASSERT_GE(fd, 0);
  EXPECT_EQ(OptionOf(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  const int probes_ms =
      OptionOf(fd, IPPROTO_TCP, TCP_KEEPCNT) * OptionOf(fd, IPPROTO_TCP, TCP_KEEPINTVL) * 1000;
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_KEEPIDLE) * 1000 + probes_ms, kPeerSilenceMs);
  EXPECT_EQ(OptionOf(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), kPeerSilenceMs);
}

TEST(PosixNetworkTest, AnAbandonedUnixSocketIsReplacedALivingOneIsNot) {
  PosixReactor reactor;
  PosixNetwork network(reactor);
  const std::string path = "/tmp/posix_network_test." + std::to_string(getpid());
  const std::string address = "unix:" + path;
  auto parsed = SocketAddress::Parse(address);
  ASSERT_TRUE(parsed.ok());
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, parsed->raw(), parsed->size_bytes), 0);
  close(fd);  // as a killed process leaves it
  auto first = network.Listen(address, [](auto) { return nullptr; });
  EXPECT_TRUE(first.ok()) << first.status();
  const auto second = network.Listen(address, [](auto) { return nullptr; });
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  *first = nullptr;
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(SocketAddressTest, ReadsAndWritesAddresses) {
  for (const char* text : {"127.0.0.1:80", "[::1]:65535", "unix:/run/x.sock"}) {
    const auto address = SocketAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(SocketAddress::Parse("localhost:1")->ToString(), "127.0.0.1:1");
}

TEST(SocketAddressTest, RefusesWhatIsNone) {
  for (const std::string text :
       {"", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80x",
        "host.example:80", "[::1:80", "unix:", "127.0.0.1:8 0"}) {
    EXPECT_FALSE(SocketAddress::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(SocketAddress::Parse("unix:/" + std::string(200, 'x')).ok());
}

}  // namespace
}  // namespace storpool::env
