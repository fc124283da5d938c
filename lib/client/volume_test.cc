// What a volume sends and how it takes answers, while nothing fails.
#include "lib/client/volume.h"

#include "lib/client/volume_fixture.h"

namespace storpool::client {
namespace {

class VolumeTest : public VolumeFixture {};

TEST_F(VolumeTest, AWriteGoesToTheHeadAndIsDoneWithItsAnswer) {
  block::TestIo* io = Write(4096, 8192, 7);
  Run();
  const auto request = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(request.chain, ChainId(kTable, IndexOf(0)));
  EXPECT_EQ(request.epoch, Epoch(2));
  EXPECT_EQ(request.session, identity.session);
  EXPECT_EQ(request.number, 1u);
  EXPECT_EQ(request.answered_below, 1u);
  EXPECT_EQ(request.first_sector, 8u);
  EXPECT_EQ(request.sectors, 16u);
  EXPECT_EQ(request.payload.data(), io->payload.data());  // by reference
  ASSERT_EQ(request.checksums.size(), 2u);
  EXPECT_EQ(request.checksums[1], Crc32c(io->payload.data() + 4096, 4096));
  EXPECT_EQ(io->done, 0);
  Answer("n1", request);
  Run();
  EXPECT_EQ(io->done, 1);
  EXPECT_TRUE(io->status.ok()) << io->status;
  EXPECT_FALSE(volume->busy());
}

TEST_F(VolumeTest, AnAnswerByAnotherMemberCountsAndTheSecondOneDoesNot) {
  block::TestIo* io = Write(0, 4096);
  Run();
  const auto request = nodes.Take<wire::WriteRequest>("n1");
  Read(0, 512);  // so that there is a connection to the tail
  Run();
  Answer("n3", request);
  Answer("n1", request);
  Run();
  EXPECT_EQ(io->done, 1);
}

TEST_F(VolumeTest, AReadGoesToTheTailAndHolesAreZeroes) {
  block::TestIo* io = Read(512, 8192);
  Run();
  const auto request = nodes.Take<wire::ReadRequest>("n3");
  EXPECT_EQ(request.blocks, (BlockRange{0, 3}));
  EXPECT_FALSE(request.states_only);
  wire::ReadAnswer answer = Filled(request, 9);
  answer.data = {0b101};
  answer.absent = {0b010};  // no parent: nothing was ever there
  answer.payload = answer.payload.Slice(0, 8192);
  answer.checksums = Checksums(2, pool);
  for (uint32_t& sum : answer.checksums.span()) sum = Crc32c(answer.payload.data(), kBlockBytes);
  nodes.Deliver("n3", answer);
  Run();
  ASSERT_EQ(io->done, 1);
  ASSERT_TRUE(io->status.ok()) << io->status;
  std::vector<uint8_t> expected(8192, 9);
  std::fill(expected.begin() + 3584, expected.begin() + 3584 + 4096, 0);
  EXPECT_EQ(io->bytes, expected);
}

TEST_F(VolumeTest, UnalignedWritesCarryPiecesWithTheirOwnChecksums) {
  block::TestIo* io = Write(4096 + 512, 4096, 3);
  Run();
  const auto request = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(request.first_sector, 9u);
  EXPECT_EQ(request.sectors, 8u);
  ASSERT_EQ(request.checksums.size(), 2u);
  EXPECT_EQ(request.checksums[0], Crc32c(io->payload.data(), 3584));
  EXPECT_EQ(request.checksums[1], Crc32c(io->payload.data() + 3584, 512));
}

TEST_F(VolumeTest, TheResultOfASplitRequestIsThatOfAllPartsHazard116) {
  block::TestIo* io = Write(kChunkBytes - 4096, 8192);
  Run();
  const auto first = nodes.Take<wire::WriteRequest>("n1");
  const auto second = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_NE(first.chain, second.chain);
  Answer("n1", second, wire::Result::kNoSpace);
  Run();
  EXPECT_EQ(io->done, 0);
  Answer("n1", first);
  Run();
  EXPECT_EQ(io->done, 1);
  EXPECT_TRUE(absl::IsResourceExhausted(io->status)) << io->status;
}

TEST_F(VolumeTest, TrimsAndZeroesAreHolesOfUpToAChunk) {
  block::TestIo* trim = Start(block::BlockOp::kTrim, 0, kChunkBytes);
  Run();
  const auto request = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(request.op, wire::WriteOp::kHole);
  EXPECT_EQ(request.sectors, 65536u);
  EXPECT_TRUE(request.payload.empty());
  Answer("n1", request);
  Run();
  EXPECT_EQ(trim->done, 1);
}

TEST_F(VolumeTest, AFlushHasNothingToDoButCompletesLater) {
  block::TestIo* io = NewFlush();
  EXPECT_EQ(io->done, 0);
  Run();
  EXPECT_EQ(io->done, 1);
  EXPECT_TRUE(io->status.ok());
}

TEST_F(VolumeTest, BadRequestsFailWithAReason) {
  EXPECT_TRUE(absl::IsOutOfRange(Ended(Read(kSize - 512, 1024))));
  EXPECT_TRUE(absl::IsInvalidArgument(Ended(Read(1, 512))));
  EXPECT_TRUE(absl::IsInvalidArgument(Ended(Write(0, 513))));
  identity.read_only = true;
  Open();
  EXPECT_TRUE(absl::IsPermissionDenied(Ended(Write(0, 512))));
  EXPECT_TRUE(absl::IsPermissionDenied(Ended(Start(block::BlockOp::kTrim, 0, 512))));
  EXPECT_TRUE(volume->info().read_only);
}

TEST_F(VolumeTest, OverlappingWritesLeaveInTheirOrder) {
  Write(0, 8192, 1);
  Write(4096, 8192, 2);   // overlaps the first
  Write(8192, 4096, 3);   // overlaps the second only: must not overtake it
  Write(65536, 4096, 4);  // overlaps nothing
  Read(0, 4096);          // reads wait for nothing
  Run();
  EXPECT_EQ(nodes.At("n3").received.size(), 1u);
  const auto first = nodes.Take<wire::WriteRequest>("n1");
  const auto fourth = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(fourth.first_sector, 128u);
  EXPECT_TRUE(nodes.At("n1").received.empty());
  Answer("n1", first);
  Run();
  const auto second = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(second.first_sector, 8u);
  EXPECT_EQ(second.number, 3u);
  EXPECT_TRUE(nodes.At("n1").received.empty());
  Answer("n1", second);
  Run();
  EXPECT_EQ(nodes.Take<wire::WriteRequest>("n1").first_sector, 16u);
}

TEST_F(VolumeTest, NoNumberIs256AboveTheLowestUnansweredS1) {
  for (uint64_t i = 0; i < 300; ++i) Write(i * 4096, 4096);
  Run();
  std::vector<wire::WriteRequest> out;
  while (!nodes.At("n1").received.empty()) out.push_back(nodes.Take<wire::WriteRequest>("n1"));
  ASSERT_EQ(out.size(), 256u);
  EXPECT_EQ(out.back().number, 256u);
  for (size_t i = 1; i < out.size(); ++i) Answer("n1", out[i]);  // all but the lowest
  Run();
  EXPECT_TRUE(nodes.At("n1").received.empty());
  Answer("n1", out[0]);
  Run();
  ASSERT_EQ(nodes.At("n1").received.size(), 44u);
  const auto next = nodes.Take<wire::WriteRequest>("n1");
  EXPECT_EQ(next.number, 257u);
  EXPECT_EQ(next.answered_below, 257u);
}

TEST_F(VolumeTest, BlockStatusAsksForStatesOnlyAndMergesThem) {
  block::TestIo* io = Start(block::BlockOp::kBlockStatus, 512, 2 << 20);
  Run();
  for (int part = 0; part < 3; ++part) {
    const auto request = nodes.Take<wire::ReadRequest>("n3");
    EXPECT_TRUE(request.states_only);
    wire::ReadAnswer answer;
    answer.chain = request.chain;
    answer.number = request.number;
    answer.blocks = request.blocks.count;
    if (part == 0) answer.data[3] = uint64_t{1} << 63;  // block 255
    if (part == 1) answer.data[0] = 1;                  // block 256
    nodes.Deliver("n3", answer);
  }
  Run();
  ASSERT_EQ(io->done, 1);
  ASSERT_TRUE(io->status.ok()) << io->status;
  ASSERT_EQ(io->extents_count, 3u);
  EXPECT_TRUE(io->extents[0].hole);
  EXPECT_EQ(io->extents[0].size_bytes, 255u * 4096 - 512);
  EXPECT_FALSE(io->extents[1].hole);
  EXPECT_EQ(io->extents[1].size_bytes, 8192u);
  EXPECT_TRUE(io->extents[2].hole);
  EXPECT_EQ(io->extents[0].size_bytes + io->extents[1].size_bytes + io->extents[2].size_bytes,
            2u << 20);
}

TEST_F(VolumeTest, SteadyStateTakesNoNewObjects) {
  for (int round = 0; round < 50; ++round) {
    Write(0, 4096);
    Run();
    Answer("n1", nodes.Take<wire::WriteRequest>("n1"));
    Run();
  }
  EXPECT_EQ(calls.objects(), 1u);
  EXPECT_EQ(requests.objects(), 1u);
}

}  // namespace
}  // namespace storpool::client
