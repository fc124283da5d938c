// The versions of an epoch are counted in 32 bits (design 5.1): what happens before they end.
#include <gtest/gtest.h>

#include <algorithm>

#include "lib/chain/steps.h"

namespace storpool::chain {
namespace {

class NoLease final : public LeaseView {
 public:
  Instant CoveredUntil(DiskId) const override { return {}; }
  Epoch NamedAgainst(ChainId) const override { return {}; }
  Instant PromisedUntil(DiskId) const override { return {}; }
  Duration LongestLease() const override { return {}; }
};

// A chain of one member, opened.
class VersionsTest : public testing::Test {
 protected:
  VersionsTest() {
    line_.lineage = LineageId(3);
    line_.version = LineVersion(1);
    line_.layers = {{LayerId(1), kChunkBytes, kChunkBytes, false, LineVersion(1)}};
    line_.foreign_parent = model::ForeignParent{LineageId(2), LayerId(1), kChunkBytes};
    line_.MakeView();
    state_.role = Role::kServing;
    state_.epoch = kEpoch;
  }
  static ChainRecord Record() {
    ChainRecord record;
    record.chain = kChain;
    record.epoch = kEpoch;
    return record;
  }
  static model::NamedConfig Config() {
    model::ChainConfig config;
    config.chain = kChain;
    config.epoch = kEpoch;
    config.opened = true;
    config.members.push_back({DiskId(1), StoreId(1), model::Role::kServing, Version()});
    return {config, config, {}};
  }
  // A trim over a foreign parent: it needs neither room nor a look at what is there.
  void Write() {
    wire::WriteRequest request;
    request.chain = kChain;
    request.epoch = kEpoch;
    request.session = {VolumeId(1), ClientId(1), Generation(1)};
    request.number = request.answered_below = ++number_;
    request.line_version = line_.version;
    request.op = wire::WriteOp::kHole;
    request.lineage = line_.lineage;
    request.layer = LayerId(1);
    request.sectors = kSectorsPerBlock;
    effects_.Clear();
    OnWrite(state_, std::move(request), 1, line_, Instant(), effects_);
  }
  template <class E>
  int Count() const {
    int count = 0;
    for (size_t i = 0; i < effects_.size(); ++i) count += std::holds_alternative<E>(effects_[i]);
    return count;
  }

  static constexpr ChainId kChain{TableId(1), 0};
  static constexpr Epoch kEpoch{7};
  NoLease lease_;
  BufferPool pool_;
  ReplicaState state_{Record(),  Config(), {DiskId(1), StoreId(1), Incarnation(1)},
                      Instant(), lease_,   pool_};
  model::Line line_;
  Effects effects_;
  uint64_t number_ = 0;
};

TEST_F(VersionsTest, AnotherEpochIsAskedForLongBeforeTheyEnd) {
  int asked = 0;
  state_.sequence = UINT32_MAX - (1u << 24) - 1;
  for (uint32_t i = 0; i < (1u << 16) + 2; ++i) {
    Write();
    ASSERT_EQ(Count<Persist>(), 1);
    asked += Count<EpochEnds>();
  }
  EXPECT_EQ(asked, 2);  // once more, for the first may be lost
}

TEST_F(VersionsTest, TheLastOnesAreForWhatWasTakenInBefore) {
  state_.sequence = UINT32_MAX - (1u << 16) - 1;
  Write();
  EXPECT_EQ(Count<Persist>(), 1);
  Write();
  EXPECT_EQ(Count<Persist>(), 0);
  ASSERT_EQ(Count<AnswerWrite>(), 1);
  for (size_t i = 0; i < effects_.size(); ++i) {
    const auto* answer = std::get_if<AnswerWrite>(&effects_[i]);
    if (answer != nullptr) {
      EXPECT_EQ(answer->relay.answer.result, wire::Result::kNotServing);
    }
  }
}

}  // namespace
}  // namespace storpool::chain
