#include "lib/frontends/nbd/negotiation.h"

#include <gtest/gtest.h>

#include "lib/base/limits.h"
#include "lib/block/memory_block_device.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/frontends/nbd/test_client.h"

namespace storpool::nbd {
namespace {

class NegotiationTest : public testing::Test {
 protected:
  NegotiationTest() {
    exports_.exports["vol"] = &device_;
    exports_.exports["frozen"] = &frozen_;
    EXPECT_EQ(negotiation_.OnClientFlags(3), Negotiation::Next::kOption);
  }

  Negotiation::Next Say(Option option, std::string_view data = {}) {
    return negotiation_.OnOption(
        option, {reinterpret_cast<const uint8_t*>(data.data()), data.size()}, false, &out_);
  }
  Answers::Reply Answer() { return answers_.OptionAnswer(); }
  void ExpectOnly(OptionReply type) {
    EXPECT_EQ(Answer().type, type);
    EXPECT_TRUE(out_.empty());
  }

  env::ManualReactor reactor_;
  block::MemoryBlockDevice device_{reactor_, {.size_bytes = 1 << 20}};
  block::MemoryBlockDevice frozen_{reactor_, {.size_bytes = 8192, .read_only = true}};
  TestDirectory exports_;
  Negotiation negotiation_{exports_};
  std::string out_;
  Answers answers_{&out_};
};

TEST_F(NegotiationTest, GoTellsSizeFlagsAndBlockSizes) {
  Say(Option::kStructuredReply);
  ExpectOnly(OptionReply::kAck);
  EXPECT_EQ(Say(Option::kGo, GoData("vol")), Negotiation::Next::kTransmit);
  const uint16_t flags = kHasFlags | kSendFlush | kSendFua | kSendTrim | kSendWriteZeroes |
                         kSendDf | kCanMultiConn | kSendFastZero;
  EXPECT_EQ(Answer().data, Big(uint16_t{0}) + Big(uint64_t{1 << 20}) + Big(flags));
  EXPECT_EQ(Answer().data,
            Big(uint16_t{3}) + Big(uint32_t{512}) + Big(uint32_t{4096}) + Big(uint32_t{32 << 20}));
  ExpectOnly(OptionReply::kAck);
  EXPECT_EQ(negotiation_.agreement().device, &device_);
  EXPECT_TRUE(negotiation_.agreement().structured_replies);
  EXPECT_FALSE(negotiation_.agreement().allocation_context);
}

TEST_F(NegotiationTest, InfoOfAReadOnlyExportSaysSoAndGoesOn) {
  EXPECT_EQ(Say(Option::kInfo, GoData("frozen")), Negotiation::Next::kOption);
  const uint16_t flags = kHasFlags | kReadOnly | kSendFlush | kCanMultiConn;
  EXPECT_EQ(Answer().data, Big(uint16_t{0}) + Big(uint64_t{8192}) + Big(flags));
  EXPECT_EQ(negotiation_.agreement().device, nullptr);
}

TEST_F(NegotiationTest, AnUnknownExportIsNamedAndTheClientMayAskForAnother) {
  EXPECT_EQ(Say(Option::kGo, GoData("nope")), Negotiation::Next::kOption);
  const Answers::Reply reply = Answer();
  EXPECT_EQ(reply.type, OptionReply::kErrUnknown);
  EXPECT_EQ(reply.data, "no such volume");
  EXPECT_EQ(Say(Option::kGo, GoData("vol")), Negotiation::Next::kTransmit);
}

TEST_F(NegotiationTest, ExportNameAnswersWithoutMagicAndDropsTheUnknown) {
  EXPECT_EQ(Say(Option::kExportName, "vol"), Negotiation::Next::kTransmit);
  EXPECT_EQ(out_.size(), 10u);  // No zeroes, as agreed.
  Negotiation old(exports_);
  EXPECT_EQ(old.OnClientFlags(0), Negotiation::Next::kOption);
  const std::string_view name = "vol";
  out_.clear();
  EXPECT_EQ(
      old.OnOption(Option::kExportName,
                   {reinterpret_cast<const uint8_t*>(name.data()), name.size()}, false, &out_),
      Negotiation::Next::kTransmit);
  EXPECT_EQ(out_.size(), 134u);
  EXPECT_EQ(Say(Option::kExportName, "nope"), Negotiation::Next::kDrop);
  EXPECT_EQ(negotiation_.drop_reason(), "export \"nope\": no such volume");
}

TEST_F(NegotiationTest, ListNamesAllExports) {
  Say(Option::kList);
  EXPECT_EQ(Answer().data, Text("frozen"));
  EXPECT_EQ(Answer().data, Text("vol"));
  ExpectOnly(OptionReply::kAck);
  Say(Option::kList, "x");
  ExpectOnly(OptionReply::kErrInvalid);
}

TEST_F(NegotiationTest, MetaContextsNeedStructuredReplies) {
  Say(Option::kSetMetaContext, MetaData("vol", {"base:allocation"}));
  ExpectOnly(OptionReply::kErrInvalid);
  Say(Option::kStructuredReply, "x");
  ExpectOnly(OptionReply::kErrInvalid);
  Say(Option::kStructuredReply);
  ExpectOnly(OptionReply::kAck);
  Say(Option::kSetMetaContext, MetaData("vol", {"other:thing", "base:allocation"}));
  EXPECT_EQ(Answer().data, Big(kAllocationContextId) + "base:allocation");
  ExpectOnly(OptionReply::kAck);
  Say(Option::kGo, GoData("vol"));
  EXPECT_TRUE(negotiation_.agreement().allocation_context);
}

TEST_F(NegotiationTest, ListingContextsKnowsWildcardsAndChoosesNothing) {
  Say(Option::kStructuredReply);
  for (const auto& queries : {std::vector<std::string>{}, {"base:"}, {"base:allocation"}}) {
    out_.clear();
    Say(Option::kListMetaContext, MetaData("vol", queries));
    EXPECT_EQ(Answer().data, Big(uint32_t{0}) + "base:allocation");
    ExpectOnly(OptionReply::kAck);
  }
  Say(Option::kListMetaContext, MetaData("vol", {"qemu:"}));
  ExpectOnly(OptionReply::kAck);
  Say(Option::kListMetaContext, MetaData("nope", {}));
  ExpectOnly(OptionReply::kErrUnknown);
  Say(Option::kGo, GoData("vol"));
  EXPECT_FALSE(negotiation_.agreement().allocation_context);
}

TEST_F(NegotiationTest, AContextOfAnotherExportDoesNotCount) {
  Say(Option::kStructuredReply);
  Say(Option::kSetMetaContext, MetaData("frozen", {"base:allocation"}));
  Say(Option::kGo, GoData("vol"));
  EXPECT_FALSE(negotiation_.agreement().allocation_context);
}

TEST_F(NegotiationTest, TheLastChoiceOfContextsCounts) {
  Say(Option::kStructuredReply);
  Say(Option::kSetMetaContext, MetaData("vol", {"base:allocation"}));
  Say(Option::kSetMetaContext, MetaData("vol", {"base:"}));  // No wildcards when setting.
  Say(Option::kGo, GoData("vol"));
  EXPECT_FALSE(negotiation_.agreement().allocation_context);
}

TEST_F(NegotiationTest, AnswersWhatItDoesNotHaveAndEndsOnAbort) {
  EXPECT_EQ(Say(static_cast<Option>(11)), Negotiation::Next::kOption);
  ExpectOnly(OptionReply::kErrUnsupported);
  EXPECT_EQ(Say(Option::kStartTls), Negotiation::Next::kOption);
  ExpectOnly(OptionReply::kErrPolicy);
  EXPECT_EQ(Say(Option::kGo, "broken"), Negotiation::Next::kOption);
  ExpectOnly(OptionReply::kErrInvalid);
  EXPECT_EQ(negotiation_.OnOption(Option::kGo, {}, true, &out_), Negotiation::Next::kOption);
  ExpectOnly(OptionReply::kErrTooBig);
  EXPECT_EQ(Say(Option::kAbort), Negotiation::Next::kFinish);
  ExpectOnly(OptionReply::kAck);
}

TEST_F(NegotiationTest, DropsWhoLeavesTheProtocolOrNeverEnds) {
  EXPECT_EQ(Negotiation(exports_).OnClientFlags(4), Negotiation::Next::kDrop);
  Negotiation old(exports_);
  old.OnClientFlags(0);
  EXPECT_EQ(old.OnOption(Option::kList, {}, false, &out_), Negotiation::Next::kDrop);
  for (uint32_t i = 0; i < kNbdOptionsMax; ++i) {
    EXPECT_EQ(Say(Option::kList), Negotiation::Next::kOption);
  }
  EXPECT_EQ(Say(Option::kList), Negotiation::Next::kDrop);
}

}  // namespace
}  // namespace storpool::nbd
