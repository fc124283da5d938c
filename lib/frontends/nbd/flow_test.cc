// Connections that break, stall or end: nothing is lost, nothing grows without bound.
#include <gtest/gtest.h>

#include "lib/base/limits.h"
#include "lib/frontends/nbd/test_server.h"

namespace storpool::nbd {
namespace {

constexpr uint32_t kLarge = 4 << 20;

std::string Reads(int count, uint32_t size_bytes) {
  std::string out;
  for (int i = 0; i < count; ++i) out += RequestBytes(Command::kRead, i, 0, size_bytes);
  return out;
}

int CountAnswers(std::string* sent) {
  Answers answers(sent);
  int count = 0;
  for (; !answers.empty(); ++count) {
    const std::string answer = answers.Next();
    EXPECT_EQ(answer.find("error"), std::string::npos) << answer;
  }
  return count;
}

TEST(Flow, AClientThatLeavesInTheMiddleOfAWriteChangesNothing) {
  TestServer test;
  for (const size_t cut : {28u + 1u, 28u + 511u, 28u + 512u, 28u + 40000u}) {
    const auto wire = test.Open(true);
    const std::string bytes = WriteBytes(1, 0, std::string(65536, 'x'));
    wire->Deliver(std::string_view(bytes).substr(0, cut));
    wire->Disconnect();
    test.reactor.RunUntilIdle();
  }
  EXPECT_EQ(test.memory.stored_bytes(), 0u);
  EXPECT_EQ(test.server.counters().connections, 4u);
  EXPECT_EQ(test.server.counters().connections_open, 0u);
  EXPECT_EQ(test.memory.pool().blocks_in_use(), 0u);
}

TEST(Flow, WhatTheDeviceWasGivenIsFinishedWhenTheClientIsGone) {
  TestServer test;
  const auto wire = test.Open(true);
  test.delay.Hold();
  wire->Deliver(WriteBytes(1, 0, std::string(4096, 'x')) + Reads(3, 4096));
  test.reactor.RunUntilIdle();
  wire->Disconnect();
  test.reactor.RunUntilIdle();
  EXPECT_EQ(test.server.counters().connections_open, 1u);
  test.delay.Release();
  test.reactor.RunUntilIdle();
  EXPECT_EQ(test.memory.stored_bytes(), 4096u);
  EXPECT_EQ(test.server.counters().connections_open, 0u);
}

TEST(Flow, TooManyRequestsStopTheReadingNotTheConnection) {
  TestServer test;
  const auto wire = test.Open(true);
  test.delay.Hold();
  const int count = 3 * kNbdRequestsPerConnectionMax + 7;
  wire->Deliver(Reads(count, 512));  // More than may be under way, in one piece.
  EXPECT_TRUE(wire->paused);
  test.reactor.RunUntilIdle();
  EXPECT_EQ(test.server.counters().requests, kNbdRequestsPerConnectionMax);
  test.delay.Release();
  test.reactor.RunUntilIdle();
  EXPECT_FALSE(wire->paused);
  EXPECT_EQ(CountAnswers(&wire->sent), count);
}

TEST(Flow, BytesUnderWayAreBounded) {
  TestServer test;
  const auto wire = test.Open(true);
  test.delay.Hold();
  std::string bytes = Reads(100, kLarge);
  bytes += WriteBytes(100, 0, std::string(512, 'x'));
  wire->Deliver(bytes, 1000);
  test.reactor.RunUntilIdle();
  EXPECT_EQ(test.server.counters().requests, kNbdConnectionBytesMax / kLarge);
  test.delay.Release();
  test.reactor.RunUntilIdle();
  EXPECT_EQ(CountAnswers(&wire->sent), 101);
}

TEST(Flow, AClientThatDoesNotReadItsAnswersIsNotReadFrom) {
  TestServer test;
  const auto wire = test.Open(false);  // No holes: all bytes travel.
  wire->client_reads = false;
  wire->Deliver(Reads(100, kLarge));
  test.reactor.RunUntilIdle();
  EXPECT_TRUE(wire->paused);
  EXPECT_LE(wire->unsent_bytes, kNbdConnectionBytesMax + 100 * 16);
  for (int turn = 0; turn < 20 && wire->paused; ++turn) {
    wire->ReadAgain();
    wire->client_reads = false;
    test.reactor.RunUntilIdle();
  }
  EXPECT_FALSE(wire->paused);
  EXPECT_EQ(wire->sent.size(), 100u * (kLarge + 16));
}

TEST(Flow, NothingIsAllocatedForPayloadInSteadyState) {
  TestServer test;
  const auto wire = test.Open(true);
  const std::string bytes = WriteBytes(1, 512, std::string(65536, 'x')) + Reads(8, 65536) +
                            WriteBytes(2, 0, std::string(4096, 'y'));
  uint64_t after_first_round = 0;
  for (int round = 0; round < 50; ++round) {
    wire->Deliver(bytes, 5000);
    test.reactor.RunUntilIdle();
    EXPECT_EQ(CountAnswers(&wire->sent), 10);
    if (round == 0) after_first_round = test.memory.pool().blocks_allocated();
  }
  EXPECT_EQ(test.memory.pool().blocks_allocated(), after_first_round);
}

TEST(Flow, DisconnectIsAnsweredByClosingWhenAllIsAnswered) {
  TestServer test;
  const auto wire = test.Open(true);
  test.delay.Hold();
  wire->Deliver(WriteBytes(1, 0, std::string(4096, 'x')) +
                RequestBytes(Command::kDisconnect, 2, 0, 0) +
                WriteBytes(3, 8192, std::string(4096, 'x')));
  test.reactor.RunUntilIdle();
  EXPECT_FALSE(wire->closed_by_server);
  test.delay.Release();
  test.reactor.RunUntilIdle();
  EXPECT_TRUE(wire->closed_by_server);
  EXPECT_EQ(Answers(&wire->sent).Next(), "1 done");
  EXPECT_EQ(test.memory.stored_bytes(), 4096u);
}

TEST(Flow, WhatCameAfterADisconnectThatHadToWaitIsDropped) {
  TestServer test;
  const auto wire = test.Open(true);
  test.delay.Hold();
  // Two rounds of waiting, so that the disconnect waits in the middle of what was received.
  wire->Deliver(Reads(2 * kNbdRequestsPerConnectionMax, 512) +
                RequestBytes(Command::kDisconnect, 1000, 0, 0) +
                WriteBytes(1001, 8192, std::string(4096, 'x')));
  test.delay.Release();
  test.reactor.RunUntilIdle();
  EXPECT_TRUE(wire->closed_by_server);
  EXPECT_EQ(CountAnswers(&wire->sent), static_cast<int>(2 * kNbdRequestsPerConnectionMax));
  EXPECT_EQ(test.memory.stored_bytes(), 0u);
}

TEST(Flow, AClientThatNeverOpensAnExportIsDropped) {
  TestServer test;
  const auto good = test.Open(true);
  const auto silent = test.network.ConnectToServer();
  const auto slow = test.network.ConnectToServer();
  slow->Deliver(Big(uint32_t{3}));
  test.reactor.AdvanceBy(Duration::Millis(kNbdNegotiationMs - 1));
  slow->Deliver(OptionBytes(Option::kList));
  EXPECT_FALSE(silent->closed_by_server || slow->closed_by_server);
  test.reactor.AdvanceBy(Duration::Millis(1));
  EXPECT_TRUE(silent->closed_by_server && slow->closed_by_server);
  EXPECT_NE(test.log.lines.find("it has opened no export in 30 s"), std::string::npos);
  EXPECT_EQ(test.Ask(*good, RequestBytes(Command::kFlush, 1, 0, 0)), "1 done");
  EXPECT_EQ(test.server.counters().connections_open, 1u);
}

TEST(Flow, AClientThatLeavesWithoutTakingItsAnswersIsCutOff) {
  TestServer test;
  const auto wire = test.Open(true);
  wire->client_reads = false;
  wire->Deliver(RequestBytes(Command::kFlush, 1, 0, 0) +
                RequestBytes(Command::kDisconnect, 2, 0, 0));
  test.reactor.AdvanceBy(Duration::Millis(kNbdDrainMs - 1));
  EXPECT_EQ(test.server.counters().connections_open, 1u);
  test.reactor.AdvanceBy(Duration::Millis(1));
  EXPECT_EQ(test.server.counters().connections_open, 0u);
}

TEST(Flow, NonsenseEndsItsOwnConnectionOnly) {
  TestServer test;
  const auto good = test.Open(true);
  const auto bad = test.Open(true);
  bad->Deliver(WriteBytes(1, 0, std::string(512, 'x')) + std::string(100, 'z'));
  test.reactor.RunUntilIdle();
  EXPECT_TRUE(bad->closed_by_server);
  EXPECT_NE(test.log.lines.find("dropped the connection from test:1: a request has a wrong magic"),
            std::string::npos);
  EXPECT_EQ(test.Ask(*good, RequestBytes(Command::kFlush, 1, 0, 0)), "1 done");
  EXPECT_EQ(test.server.counters().connections_open, 1u);
}

}  // namespace
}  // namespace storpool::nbd
