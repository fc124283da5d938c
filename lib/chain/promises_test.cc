#include "lib/chain/promises.h"

#include <gtest/gtest.h>

#include "lib/base/limits.h"

namespace storpool::chain {
namespace {

constexpr ReactorKey kPeer = 7;
constexpr ChainId kChain = ChainId(TableId(1), 2);

Instant At(int64_t ms) { return Instant::FromNanos(1'000'000'000'000) + Duration::Millis(ms); }

TEST(Promises, HolderCountsFromBeforeItSentAndStopsFirst) {
  PromiseHolder holder(Duration::Millis(kLeaseMs));
  PromiseGranter granter;
  const wire::PromiseRequest ask = holder.Ask(kPeer, At(0));
  const wire::PromiseAnswer answer = granter.OnRequest(kPeer, ask, At(50));
  holder.OnAnswer(kPeer, answer);
  EXPECT_EQ(holder.CoveredUntil(kPeer), At(kLeaseMs - kLeaseMarginMs));
  EXPECT_EQ(granter.PromisedUntil(kPeer), At(50 + kLeaseMs));
}

TEST(Promises, AreAskedEveryQuarterOfTheLease) {
  PromiseHolder holder(Duration::Millis(kLeaseMs));
  EXPECT_LE(holder.NextAsk(kPeer), At(0));
  holder.Ask(kPeer, At(0));
  EXPECT_EQ(holder.NextAsk(kPeer), At(kLeaseMs / 4));
}

TEST(Promises, AnAnswerToAnUnknownAskingDoesNotCount) {
  PromiseHolder holder(Duration::Millis(kLeaseMs));
  holder.OnAnswer(kPeer, {.nonce = 5, .duration_ms = 800, .named = {}});
  EXPECT_LE(holder.CoveredUntil(kPeer), Instant());
}

// R1: the chain is named until the asker has said that it heard it; R18: with the epoch.
TEST(Promises, NameTheChainUntilItWasHeard) {
  PromiseHolder holder(Duration::Millis(kLeaseMs));
  PromiseGranter granter;
  granter.NameAgainst(kPeer, kChain, Epoch(4));
  // The first answer is lost: the next one names the chain again.
  granter.OnRequest(kPeer, holder.Ask(kPeer, At(0)), At(0));
  const auto second = granter.OnRequest(kPeer, holder.Ask(kPeer, At(200)), At(200));
  ASSERT_EQ(second.named.size(), 1u);
  holder.OnAnswer(kPeer, second);
  EXPECT_EQ(holder.NamedAgainst(kChain), Epoch(4));
  EXPECT_TRUE(granter.OnRequest(kPeer, holder.Ask(kPeer, At(400)), At(400)).named.empty());
  // It stays stopped until it has adopted that epoch or a later one.
  holder.Adopted(kChain, Epoch(3));
  EXPECT_EQ(holder.NamedAgainst(kChain), Epoch(4));
  holder.Adopted(kChain, Epoch(4));
  EXPECT_EQ(holder.NamedAgainst(kChain), Epoch());
}

TEST(Promises, NothingIsPromisedBeforeAllIsNamed) {
  PromiseHolder holder(Duration::Millis(kLeaseMs));
  PromiseGranter granter;
  for (size_t i = 0; i <= kNamedChainsPerFrame; ++i) {
    granter.NameAgainst(kPeer, ChainId(TableId(1), static_cast<uint16_t>(i)), Epoch(2));
  }
  const auto first = granter.OnRequest(kPeer, holder.Ask(kPeer, At(0)), At(0));
  EXPECT_EQ(first.duration_ms, 0u);
  holder.OnAnswer(kPeer, first);
  EXPECT_LE(holder.CoveredUntil(kPeer), Instant());
  const auto second = granter.OnRequest(kPeer, holder.Ask(kPeer, At(200)), At(200));
  EXPECT_EQ(second.named.size(), 1u);
  EXPECT_GT(second.duration_ms, 0u);
}

}  // namespace
}  // namespace storpool::chain
