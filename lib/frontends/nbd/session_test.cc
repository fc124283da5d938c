// One connection: what requests do and what they are answered.
#include "lib/frontends/nbd/session.h"

#include <gtest/gtest.h>

#include "lib/base/limits.h"
#include "lib/frontends/nbd/test_server.h"

namespace storpool::nbd {
namespace {

class SessionTest : public testing::Test {
 protected:
  std::string Ask(std::string_view bytes, std::string* data = nullptr) {
    return test_.Ask(*wire_, bytes, data);
  }
  std::string Next() { return Answers(&wire_->sent).Next(); }

  TestServer test_;
  std::shared_ptr<Wire> wire_ = test_.Open(true);
};

TEST_F(SessionTest, ReadsWhatWasWritten) {
  const std::string bytes(1536, 'a');
  EXPECT_EQ(Ask(WriteBytes(1, 512, bytes, kFua)), "1 done");
  std::string data;
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 2, 512, 1536), &data), "2 data 512+1536.");
  EXPECT_EQ(data, bytes);
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 3, 0, 1024), &data), "3 data 0+1024.");
  EXPECT_EQ(data, std::string(512, '\0') + std::string(512, 'a'));
  EXPECT_EQ(test_.server.counters().bytes_written, 1536u);
  EXPECT_EQ(test_.server.counters().bytes_read, 2560u);
  EXPECT_EQ(test_.server.counters().requests, 3u);
}

TEST_F(SessionTest, WithoutStructuredRepliesAnswersAreSimple) {
  const auto wire = test_.Open(false);
  EXPECT_EQ(test_.Ask(*wire, WriteBytes(1, 0, std::string(512, 'b'))), "1 done");
  std::string data;
  EXPECT_EQ(test_.Ask(*wire, RequestBytes(Command::kRead, 2, 0, 1024), &data, 1024), "2 done");
  EXPECT_EQ(data, std::string(512, 'b') + std::string(512, '\0'));
  EXPECT_EQ(test_.Ask(*wire, RequestBytes(Command::kRead, 3, 100, 512)), "3 error 22");
  EXPECT_EQ(test_.Ask(*wire, RequestBytes(Command::kRead, 4, 0, 512, kDontFragment)), "4 error 22");
  EXPECT_TRUE(wire->sent.empty());
}

TEST_F(SessionTest, ZeroesInReadsAreSentAsHoles) {
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 1, 4096, 8192)), "1 hole 4096+8192.");
  EXPECT_EQ(Ask(WriteBytes(2, 128 << 10, std::string(64 << 10, 'x'))), "2 done");
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 3, 0, 320 << 10)), "3 hole 0+131072");
  EXPECT_EQ(Next(), "3 data 131072+65536");
  EXPECT_EQ(Next(), "3 hole 196608+131072.");
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 4, 0, 320 << 10, kDontFragment)), "4 data 0+327680.");
}

TEST_F(SessionTest, TrimAndWriteZeroesMakeHolesUnlessToldNotTo) {
  Ask(WriteBytes(1, 0, std::string(16384, 'x')));
  EXPECT_EQ(Ask(RequestBytes(Command::kTrim, 2, 0, 4096)), "2 done");
  EXPECT_EQ(Ask(RequestBytes(Command::kWriteZeroes, 3, 4096, 4096, kFastZero)), "3 done");
  EXPECT_EQ(Ask(RequestBytes(Command::kWriteZeroes, 4, 8192, 4096, kNoHole | kFua)), "4 done");
  EXPECT_EQ(test_.memory.stored_bytes(), 8192u);
  EXPECT_EQ(Ask(RequestBytes(Command::kBlockStatus, 5, 0, 32768)),
            "5 extents of 1: 8192/3 8192/0 16384/3.");
  EXPECT_EQ(Ask(RequestBytes(Command::kBlockStatus, 6, 512, 32256, kRequestOne)),
            "6 extents of 1: 7680/3.");
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 7, 0, 12288)), "7 hole 0+12288.");
  EXPECT_EQ(Ask(RequestBytes(Command::kWriteZeroes, 8, 0, 512, kNoHole | kFastZero)),
            "8 error 95 zeroes without a hole are no faster than a write.");
}

TEST_F(SessionTest, LongZeroesWithoutAHoleAreWrittenPieceByPiece) {
  EXPECT_EQ(Ask(RequestBytes(Command::kWriteZeroes, 1, 512, (5 << 20) + 512, kNoHole)), "1 done");
  EXPECT_EQ(test_.memory.stored_bytes(), (5u << 20) + 4096);
  EXPECT_EQ(Ask(RequestBytes(Command::kTrim, 2, 0, TestServer::kSizeBytes)), "2 done");
  EXPECT_EQ(test_.memory.stored_bytes(), 0u);
}

TEST_F(SessionTest, EveryLargestRequestPasses) {
  const std::string bytes(kNbdRequestBytesMax, 'm');
  wire_->Deliver(WriteBytes(1, 4096, bytes), 64 << 10);
  test_.reactor.RunUntilIdle();
  EXPECT_EQ(Next(), "1 done");
  EXPECT_EQ(wire_->direct_bytes, bytes.size() - (64 << 10)) << "but for both ends";
  std::string data;
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 2, 4096, kNbdRequestBytesMax), &data),
            "2 data 4096+33554432.");
  EXPECT_TRUE(data == bytes);
}

TEST_F(SessionTest, RefusesWhatIsTooLargeAndStaysInStep) {
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 1, 0, kNbdRequestBytesMax + 512)),
            "1 error 22 more than 32 MiB in one request.");
  wire_->Deliver(RequestBytes(Command::kWrite, 2, 0, kNbdRequestBytesMax + 512));
  wire_->Deliver(std::string(kNbdRequestBytesMax + 512, 'x'), 1 << 20);
  EXPECT_EQ(Ask(RequestBytes(Command::kFlush, 3, 0, 0)),
            "2 error 22 more than 32 MiB in one request.");
  EXPECT_EQ(Next(), "3 done");
  EXPECT_EQ(test_.memory.stored_bytes(), 0u);
}

TEST_F(SessionTest, RefusesWhatIsOutsideOrUnalignedOrUnknown) {
  const uint64_t end = TestServer::kSizeBytes;
  EXPECT_EQ(Ask(WriteBytes(1, end - 512, std::string(1024, 'x'))),
            "1 error 28 beyond the end of the export.");
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 2, end, 512)),
            "2 error 22 beyond the end of the export.");
  EXPECT_EQ(Ask(RequestBytes(Command::kTrim, 3, UINT64_MAX - 511, 1024)),
            "3 error 22 beyond the end of the export.");
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 4, 1, 512)),
            "4 error 22 offset or size is no multiple of 512.");
  EXPECT_EQ(Ask(WriteBytes(5, 0, "abc")), "5 error 22 offset or size is no multiple of 512.");
  EXPECT_EQ(Ask(RequestBytes(Command::kWrite, 6, 0, 0)), "6 error 22 a request for nothing.");
  EXPECT_EQ(Ask(RequestBytes(static_cast<Command>(99), 7, 0, 512)), "7 error 22 unknown command.");
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 8, 0, 512, kNoHole)),
            "8 error 22 unknown flag for this command.");
  EXPECT_EQ(Ask(RequestBytes(Command::kRead, 9, end - 512, 512)), "9 hole 268434944+512.");
  EXPECT_EQ(test_.server.counters().requests_failed, 8u);
}

TEST_F(SessionTest, BlockStatusNeedsItsContext) {
  const auto wire = test_.network.ConnectToServer();
  wire->Deliver(Big(uint32_t{3}) + OptionBytes(Option::kStructuredReply) +
                OptionBytes(Option::kGo, GoData("vol")));
  wire->sent.clear();
  EXPECT_EQ(test_.Ask(*wire, RequestBytes(Command::kBlockStatus, 1, 0, 512)),
            "1 error 22 base:allocation was not negotiated.");
}

TEST(Session, AReadOnlyExportRefusesChanges) {
  TestServer test({.size_bytes = TestServer::kSizeBytes, .read_only = true});
  const auto wire = test.Open(true);
  EXPECT_EQ(test.Ask(*wire, WriteBytes(1, 0, std::string(20000, 'x'))),
            "1 error 1 the export is read-only.");
  EXPECT_EQ(test.Ask(*wire, RequestBytes(Command::kTrim, 2, 0, 512)),
            "2 error 1 the export is read-only.");
  EXPECT_EQ(test.Ask(*wire, RequestBytes(Command::kWriteZeroes, 3, 0, 512)),
            "3 error 1 the export is read-only.");
  EXPECT_EQ(test.Ask(*wire, RequestBytes(Command::kRead, 4, 0, 512)), "4 hole 0+512.");
}

TEST_F(SessionTest, DeviceErrorsGetTheirNumbers) {
  const std::pair<absl::Status, std::string> cases[] = {
      {absl::DataLossError("bad"), "1 error 5 bad."},
      {absl::ResourceExhaustedError("full"), "1 error 28 full."},
      {absl::PermissionDeniedError("no"), "1 error 1 no."},
      {absl::InvalidArgumentError("odd"), "1 error 22 odd."},
      {absl::UnavailableError("going"), "1 error 108 going."},
      {absl::UnknownError(std::string(5000, 'z')), "1 error 5 " + std::string(200, 'z') + "."},
  };
  for (const auto& [status, answer] : cases) {
    test_.failure = status;
    EXPECT_EQ(Ask(WriteBytes(1, 0, std::string(512, 'x'))), answer);
  }
}

TEST_F(SessionTest, BytesMayArriveOneByOne) {
  const auto wire = test_.network.ConnectToServer();
  const std::string bytes(20000 / 512 * 512, 'q');
  wire->Deliver(Handshake("vol", false), 1);
  wire->sent.clear();
  wire->Deliver(WriteBytes(1, 512, bytes), 1);
  wire->Deliver(RequestBytes(Command::kFlush, 2, 0, 0), 1);
  test_.reactor.RunUntilIdle();
  EXPECT_EQ(Answers(&wire->sent).Next(), "1 done");
  EXPECT_EQ(Answers(&wire->sent).Next(), "2 done");
  std::string data;
  EXPECT_EQ(
      test_.Ask(*wire, RequestBytes(Command::kRead, 3, 512, bytes.size()), &data, bytes.size()),
      "3 done");
  EXPECT_EQ(data, bytes);
}

}  // namespace
}  // namespace storpool::nbd
