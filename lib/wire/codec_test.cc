#include "lib/wire/codec.h"

#include <fstream>
#include <map>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "lib/base/crc32c.h"
#include "lib/wire/message_samples.h"

namespace storpool::wire {
namespace {

constexpr size_t kTypes = std::variant_size_v<Message>;

absl::StatusOr<Message> DecodeBytes(std::span<const uint8_t> bytes, BufferPool& pool) {
  FrameHeader header;
  if (bytes.size() < sizeof header) return absl::DataLossError("cut off");
  std::memcpy(&header, bytes.data(), sizeof header);
  SP_RETURN_IF_ERROR(CheckHeader(header));
  bytes = bytes.subspan(sizeof header);
  if (bytes.size() < header.body_bytes) return absl::DataLossError("cut off");
  return Decode(header, bytes.first(header.body_bytes), pool.Copy(bytes.subspan(header.body_bytes)),
                pool);
}

TEST(CodecTest, EveryTypeComesBackAsItWas) {
  BufferPool pool;
  Random random(1);
  for (size_t type = 0; type < kTypes; ++type) {
    for (int round = 0; round < 20; ++round) {
      const Message sent = SampleMessage(type, random, pool);
      const std::vector<uint8_t> bytes = FrameBytes(sent, pool);
      const auto received = DecodeBytes(bytes, pool);
      ASSERT_TRUE(received.ok()) << TypeName(TypeOf(sent)) << ": " << received.status();
      ASSERT_EQ(received->index(), type);
      ASSERT_EQ(FrameBytes(*received, pool), bytes) << TypeName(TypeOf(sent));
    }
  }
}

// What golden bytes cannot show: that no field was forgotten.
TEST(CodecTest, FieldsOfTheHotPathArrive) {
  BufferPool pool;
  Random random(2);
  for (int round = 0; round < 50; ++round) {
    const Message sent = SampleMessage(1, random, pool);
    const auto got = DecodeBytes(FrameBytes(sent, pool), pool);
    ASSERT_TRUE(got.ok());
    const auto& a = std::get<WriteRequest>(sent);
    const auto& b = std::get<WriteRequest>(*got);
    EXPECT_EQ(std::tie(a.chain, a.epoch, a.session, a.number, a.answered_below, a.line_version),
              std::tie(b.chain, b.epoch, b.session, b.number, b.answered_below, b.line_version));
    EXPECT_EQ(std::tie(a.op, a.lineage, a.chunk, a.layer, a.first_sector, a.sectors),
              std::tie(b.op, b.lineage, b.chunk, b.layer, b.first_sector, b.sectors));
    const Message forward = SampleMessage(7, random, pool);
    const auto back = DecodeBytes(FrameBytes(forward, pool), pool);
    ASSERT_TRUE(back.ok());
    const auto& x = std::get<Forward>(forward);
    const auto& y = std::get<Forward>(*back);
    EXPECT_EQ(std::tie(x.common.chain, x.common.from, x.common.to, x.common.epoch),
              std::tie(y.common.chain, y.common.from, y.common.to, y.common.epoch));
    EXPECT_EQ(std::tie(x.common.durable, x.common.committed, x.common.opened, x.common.opened_at),
              std::tie(y.common.durable, y.common.committed, y.common.opened, y.common.opened_at));
    EXPECT_EQ(std::tie(x.entry.place, x.entry.version, x.entry.kind, x.entry.arrival),
              std::tie(y.entry.place, y.entry.version, y.entry.kind, y.entry.arrival));
    EXPECT_EQ(
        std::tie(x.entry.session, x.entry.number, x.entry.answered_below, x.entry.line_version),
        std::tie(y.entry.session, y.entry.number, y.entry.answered_below, y.entry.line_version));
    EXPECT_TRUE(std::ranges::equal(x.entry.payload.span(), y.entry.payload.span()));
  }
}

TEST(CodecTest, TypeNumbersFollowTheAlternatives) {
  BufferPool pool;
  Random random(3);
  for (size_t type = 0; type < kTypes; ++type) {
    EXPECT_EQ(static_cast<size_t>(TypeOf(SampleMessage(type, random, pool))), type + 1);
  }
}

// A change of these bytes is a change of the protocol: docs/wire-format.md and kProtocolMax first.
TEST(CodecTest, GoldenBytes) {
  BufferPool pool;
  std::ifstream file("lib/wire/testdata/golden.txt");
  std::map<std::string, std::string> golden;
  for (std::string name, hex; file >> name >> hex;) golden[name] = hex;
  for (size_t type = 0; type < kTypes; ++type) {
    Random random(type);
    std::vector<uint8_t> bytes = FrameBytes(SampleMessage(type, random, pool), pool);
    const std::string name = TypeName(static_cast<FrameType>(type + 1));
    // Payloads are random data: their checksums in the body stand for them.
    FrameHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if ((header.flags & kFlagBlocks) != 0) bytes.resize(sizeof header + header.body_bytes);
    const absl::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    EXPECT_EQ(golden[name], absl::BytesToHexString(view)) << name;
  }
}

TEST(CodecTest, EveryFlippedByteAndEveryCutIsAnError) {
  BufferPool pool;
  Random random(4);
  for (size_t type = 0; type < kTypes; ++type) {
    const std::vector<uint8_t> bytes = FrameBytes(SampleMessage(type, random, pool), pool);
    const size_t step = bytes.size() > 1000 ? 7 : 1;
    for (size_t i = 0; i < bytes.size(); i += step) {
      std::vector<uint8_t> bad = bytes;
      bad[i] ^= static_cast<uint8_t>(1u << (i % 8));
      EXPECT_FALSE(DecodeBytes(bad, pool).ok()) << "type " << type + 1 << " byte " << i;
      bad.assign(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(i));
      EXPECT_FALSE(DecodeBytes(bad, pool).ok()) << "type " << type + 1 << " cut at " << i;
    }
  }
}

// With checksums made right again, as a hostile peer would: no crash, and whatever is accepted
// encodes to the same bytes.
TEST(CodecTest, WrongFieldsUnderRightChecksumsAreRefusedOrHarmless) {
  BufferPool pool;
  Random random(5);
  uint64_t refused = 0, accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    const size_t type = random.Below(kTypes);
    std::vector<uint8_t> bytes = FrameBytes(SampleMessage(type, random, pool), pool);
    FrameHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    const size_t end =
        (header.flags & kFlagBlocks) != 0 ? sizeof header + header.body_bytes : bytes.size();
    if (end <= sizeof header) continue;
    bytes[sizeof header + random.Below(end - sizeof header)] = static_cast<uint8_t>(random.Next());
    header.body_crc = Crc32c(bytes.data() + sizeof header, end - sizeof header);
    SealHeader(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    const auto message = DecodeBytes(bytes, pool);
    if (!message.ok()) {
      ++refused;
      continue;
    }
    ++accepted;
    EXPECT_EQ(FrameBytes(*message, pool), bytes);
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(accepted, 1000u);
}

TEST(CodecTest, UnknownTypeAndTooLongAreRefused) {
  FrameHeader header;
  header.type = 200;
  SealHeader(header);
  EXPECT_EQ(CheckHeader(header).message(), "a frame of unknown type 200");
  header.type = static_cast<uint8_t>(FrameType::kProgress);
  header.payload_bytes = kFramePayloadBytesMax + 1;
  SealHeader(header);
  EXPECT_EQ(CheckHeader(header).message(), "Progress frame: longer than a frame may be");
  header.payload_bytes = 0;
  SealHeader(header);
  EXPECT_TRUE(CheckHeader(header).ok());
}

}  // namespace
}  // namespace storpool::wire
