// What steps ask of their shell, and keep, where no lesson of testdata/ can see it.
#include <gtest/gtest.h>

#include <vector>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

constexpr ChainId kChain{TableId(1), 0};
constexpr Epoch kEpoch{7};
constexpr LineageId kLineage{3};
constexpr Session kSession{VolumeId(1), ClientId(1), Generation(1)};

class Lease final : public LeaseView {
 public:
  Instant CoveredUntil(DiskId) const override { return until; }
  Epoch NamedAgainst(ChainId) const override { return {}; }
  Instant PromisedUntil(DiskId) const override { return {}; }
  Duration LongestLease() const override { return {}; }
  Instant until;
};

OwnDisk Self() { return {DiskId(2), StoreId(2), Incarnation(2)}; }

ChainRecord Loaded() {
  ChainRecord record;
  record.chain = kChain;
  record.epoch = kEpoch;
  record.windows[kSession] = RequestWindow();
  return record;
}

// Disk 1 is the head; disk 2, whose replica is tested, is the tail, or syncing.
model::NamedConfig Config(model::Role own) {
  model::ChainConfig config;
  config.chain = kChain;
  config.epoch = kEpoch;
  config.opened = true;
  config.members.push_back({DiskId(1), StoreId(1), model::Role::kServing, Version()});
  config.members.push_back({DiskId(2), StoreId(2), own, Version()});
  return {config, config, {}};
}

std::vector<model::Raise> RaiseTo(uint32_t generation) {
  return {model::Raise{kSession.volume, kSession.client, Generation(generation)}};
}

template <class E>
std::vector<E> All(const Effects& effects) {
  std::vector<E> found;
  for (size_t i = 0; i < effects.size(); ++i) {
    if (const E* effect = std::get_if<E>(&effects[i])) found.push_back(*effect);
  }
  return found;
}

class StepsTest : public testing::Test {
 protected:
  explicit StepsTest(model::Role own)
      : state_(Loaded(), Config(own), Self(), Instant(), lease_, pool_) {}
  template <class E>
  size_t Count() const {
    return All<E>(effects_).size();
  }
  // And forgets all other effects.
  template <class E>
  std::vector<E> Take() {
    std::vector<E> taken = All<E>(effects_);
    effects_.Clear();
    return taken;
  }

  Lease lease_;
  BufferPool pool_;
  ReplicaState state_;
  Effects effects_;
};

// The tail without a lease.
class ReadsTest : public StepsTest {
 protected:
  ReadsTest() : StepsTest(model::Role::kServing) {
    state_.role = Role::kServing;
    line_.lineage = kLineage;
    line_.version = LineVersion(1);
    line_.layers = {{LayerId(1), kChunkBytes, kChunkBytes, false, LineVersion(1)}};
    line_.MakeView();
  }
  // Requests of the largest size; answers of the store for them.
  std::vector<StoreRead> Ask(int requests) {
    for (int i = 0; i < requests; ++i) {
      wire::ReadRequest request;
      request.chain = kChain;
      request.epoch = kEpoch;
      request.session = kSession;
      request.number = ++number_;
      request.line_version = line_.version;
      request.lineage = kLineage;
      request.layer = LayerId(1);
      request.blocks = {0, kRequestBlocksMax};
      OnRead(state_, request, /*client=*/1, line_, effects_);
    }
    return Take<StoreRead>();
  }
  void Answer(const StoreRead& read) {
    std::vector<BlockResult> results(read.blocks.count);
    for (BlockResult& block : results) block.state = BlockResult::State::kData;
    StoreReadResult result{read.id, true, results, pool_.AllocateZeroed(kRequestBytesMax)};
    OnClientRead(state_, std::move(result), Instant(), effects_);
  }
  void Confirm() {
    wire::ConfirmAnswer answer;
    answer.common.from = DiskId(1);
    answer.round = state_.confirm_round;
    answer.highest_adopted = kEpoch;
    OnConfirmAnswer(state_, answer, Instant(), effects_);
  }

  model::Line line_;
  uint64_t number_ = 0;
};

TEST_F(ReadsTest, WhatWaitsForAConfirmationHoldsAsMuchAsOneRequest) {
  const std::vector<StoreRead> reads = Ask(3);
  ASSERT_EQ(reads.size(), 3u);
  for (const StoreRead& read : reads) Answer(read);
  EXPECT_EQ(Take<Send>().size(), 1u) << "one question for all of them";
  EXPECT_EQ(pool_.blocks_in_use(), 1u);
  for (size_t i = 0; i < reads.size(); ++i) {
    Confirm();
    EXPECT_EQ(Count<AnswerRead>(), 1u);
    const std::vector<StoreRead> again = Take<StoreRead>();
    ASSERT_EQ(again.size(), i + 1 < reads.size() ? 1u : 0u);
    if (again.empty()) break;
    EXPECT_EQ(again[0].id, reads[i + 1].id) << "first come, first served";
    Answer(again[0]);
    EXPECT_EQ(Count<AnswerRead>(), 0u) << "what was confirmed was so before it was read";
    EXPECT_EQ(Take<Send>().size(), 1u);
  }
  EXPECT_EQ(pool_.blocks_in_use(), 0u);
  EXPECT_EQ(state_.kept_bytes, 0u);
  EXPECT_EQ(state_.reads.used(), 0u);
}

TEST_F(ReadsTest, ALeaseAnswersThoseThatWaitOneAfterTheOther) {
  for (const StoreRead& read : Ask(3)) Answer(read);
  effects_.Clear();
  lease_.until = Instant::Max();
  RetryReads(state_, /*ask_again=*/true, Instant(), effects_);
  for (size_t left = 2; left > 0; --left) {
    EXPECT_EQ(Count<AnswerRead>(), 1u);
    const std::vector<StoreRead> again = Take<StoreRead>();
    ASSERT_EQ(again.size(), 1u);
    Answer(again[0]);
  }
  EXPECT_EQ(Take<AnswerRead>().size(), 1u);
  EXPECT_EQ(state_.reads.used(), 0u);
}

TEST_F(ReadsTest, NothingIsReadAgainForASessionThatWasFencedMeanwhile) {
  for (const StoreRead& read : Ask(2)) Answer(read);
  RaiseMinimum(state_, RaiseTo(2).front(), effects_);
  effects_.Clear();
  Confirm();
  EXPECT_EQ(Count<StoreRead>(), 0u);
  const std::vector<AnswerRead> answers = Take<AnswerRead>();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].answer.result, wire::Result::kFenced);
}

TEST_F(ReadsTest, TheEndOfTheEpochRefusesAll) {
  for (const StoreRead& read : Ask(2)) Answer(read);
  effects_.Clear();
  EndEpoch(state_, effects_);
  EXPECT_EQ(Take<AnswerRead>().size(), 2u);
  EXPECT_TRUE(state_.reads_again.empty());
  EXPECT_EQ(state_.kept_bytes, 0u);
}

// Of a running resync.
class TargetTest : public StepsTest {
 protected:
  TargetTest() : StepsTest(model::Role::kSyncing) {
    state_.role = Role::kSyncing;
    state_.durable_record = UINT64_MAX;
    state_.sync_target.stage = SyncTarget::Stage::kRunning;
    state_.sync_target.session = {Incarnation(1), Incarnation(2), 1};
    state_.sync_target.stream_base = Version(kEpoch, 5);
  }
  void End(uint32_t chunk, uint32_t line_version) {
    wire::SyncChunkEnd end;
    end.session = state_.sync_target.session;
    end.chunk = {kLineage, ChunkIndex(chunk)};
    end.line_version = LineVersion(line_version);
    OnSyncChunkEnd(state_, end, effects_);
  }
  void Learn(uint32_t line_version) {
    model::Line line;
    line.lineage = kLineage;
    line.version = LineVersion(line_version);
    OnLineKnown(state_, line, effects_);
  }
};

TEST_F(TargetTest, ALineIsAskedForOnceHoweverManyChunksNeedIt) {
  End(0, 3);
  EXPECT_EQ(Count<NeedLine>(), 1u);
  EXPECT_TRUE(state_.chunk_bases.empty());
  Learn(3);
  for (uint32_t chunk = 1; chunk < 100; ++chunk) End(chunk, 3);
  EXPECT_EQ(Count<NeedLine>(), 1u);
  EXPECT_EQ(state_.chunk_bases.size(), 100u);
  End(100, 4);  // S7
  EXPECT_EQ(Count<NeedLine>(), 2u);
  EXPECT_EQ(state_.chunk_bases.size(), 100u);
  Learn(4);
  EXPECT_EQ(state_.chunk_bases.size(), 101u);
}

TEST(FailedStoreTest, NothingIsAppendedToItAnyMore) {
  Lease lease;
  BufferPool pool;
  Effects effects;
  Replica replica(Loaded(), Config(model::Role::kServing), Self(), Instant(), lease, pool);
  replica.OnRaise(1, RaiseTo(2), Instant(), effects);
  EXPECT_EQ(All<Persist>(effects).size(), 1u);
  replica.OnStoreFailed(Instant(), effects);
  effects.Clear();
  replica.OnRaise(2, RaiseTo(3), Instant(), effects);
  replica.OnEndSession(kSession, Instant(), effects);
  EXPECT_TRUE(All<Persist>(effects).empty());
  EXPECT_TRUE(replica.state().raise_orders.empty());
}

}  // namespace
}  // namespace storpool::chain
