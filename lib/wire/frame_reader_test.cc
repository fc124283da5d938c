#include "lib/wire/frame_reader.h"

#include <vector>

#include "gtest/gtest.h"
#include "lib/wire/message_samples.h"

namespace storpool::wire {
namespace {

class Collector : public FrameReader::Sink {
 public:
  bool OnMessage(Message&& message) override {
    messages.push_back(std::move(message));
    return messages.size() < stop_after;
  }
  std::vector<Message> messages;
  size_t stop_after = SIZE_MAX;
};

// Feeds `bytes` in pieces of random size, through DirectTarget where the reader asks for it.
absl::Status Feed(FrameReader& reader, std::span<const uint8_t> bytes, Random& random,
                  size_t piece_max) {
  while (!bytes.empty()) {
    size_t piece = std::min<size_t>(bytes.size(), 1 + random.Below(piece_max));
    const std::span<uint8_t> target = reader.DirectTarget();
    if (!target.empty()) {
      piece = std::min(piece, target.size());
      std::memcpy(target.data(), bytes.data(), piece);
      SP_RETURN_IF_ERROR(reader.OnFilled(piece));
    } else {
      SP_RETURN_IF_ERROR(reader.OnBytes(bytes.first(piece)));
    }
    bytes = bytes.subspan(piece);
  }
  return absl::OkStatus();
}

TEST(FrameReaderTest, MessagesArriveWhateverThePiecesAre) {
  BufferPool pool;
  Random random(1);
  for (const size_t piece_max : {1u, 3u, 100u, 5000u, 100000u}) {
    std::vector<std::vector<uint8_t>> frames;
    std::vector<uint8_t> all;
    for (size_t i = 0; i < 100; ++i) {
      const size_t type = random.Below(std::variant_size_v<Message>);
      frames.push_back(FrameBytes(SampleMessage(type, random, pool), pool));
      all.insert(all.end(), frames.back().begin(), frames.back().end());
    }
    Collector collector;
    FrameReader reader(pool, collector);
    const absl::Status status = Feed(reader, all, random, piece_max);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(collector.messages.size(), frames.size());
    for (size_t i = 0; i < frames.size(); ++i) {
      EXPECT_EQ(FrameBytes(collector.messages[i], pool), frames[i]);
    }
  }
}

TEST(FrameReaderTest, LargePayloadsAreReceivedInPlace) {
  BufferPool pool;
  Random random(2);
  Collector collector;
  FrameReader reader(pool, collector);
  std::vector<uint8_t> frame;
  while (frame.size() < kDirectReceiveBytes + 2000) {
    frame = FrameBytes(SampleMessage(1, random, pool), pool);
  }
  FrameHeader header;
  std::memcpy(&header, frame.data(), sizeof header);
  const size_t head = sizeof header + header.body_bytes;
  ASSERT_TRUE(reader.OnBytes(std::span(frame).first(head)).ok());
  ASSERT_EQ(reader.DirectTarget().size(), header.payload_bytes);
  const uint8_t* memory = reader.DirectTarget().data();
  std::memcpy(reader.DirectTarget().data(), frame.data() + head, header.payload_bytes);
  ASSERT_TRUE(reader.OnFilled(header.payload_bytes).ok());
  ASSERT_EQ(collector.messages.size(), 1u);
  EXPECT_EQ(std::get<WriteRequest>(collector.messages[0]).payload.data(), memory);
}

TEST(FrameReaderTest, KeepAliveIsCountedOnly) {
  BufferPool pool;
  Collector collector;
  FrameReader reader(pool, collector);
  std::vector<uint8_t> bytes(64);
  EXPECT_EQ(EncodeKeepAlive(bytes), 64u);
  EXPECT_TRUE(reader.OnBytes(bytes).ok());
  EXPECT_TRUE(collector.messages.empty());
  EXPECT_EQ(reader.frames(), 1u);
}

TEST(FrameReaderTest, StopsAtAnErrorAndWhenTold) {
  BufferPool pool;
  Random random(3);
  std::vector<uint8_t> frame = FrameBytes(SampleMessage(8, random, pool), pool);
  std::vector<uint8_t> two = frame;
  two.insert(two.end(), frame.begin(), frame.end());
  Collector collector;
  collector.stop_after = 1;
  FrameReader stopped(pool, collector);
  EXPECT_EQ(stopped.OnBytes(two).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(collector.messages.size(), 1u);

  two[frame.size() + 20] ^= 1;
  Collector other;
  FrameReader reader(pool, other);
  EXPECT_EQ(reader.OnBytes(two).message(), "a frame's header does not match its checksum");
  EXPECT_EQ(other.messages.size(), 1u);
}

TEST(FrameReaderTest, LongPayloadsAreRefusedBeforeThePeerIsKnown) {
  BufferPool pool;
  Random random(4);
  Collector collector;
  FrameReader reader(pool, collector);
  reader.set_payload_bytes_max(100);
  std::vector<uint8_t> frame;
  while (frame.size() < 4096) frame = FrameBytes(SampleMessage(7, random, pool), pool);
  EXPECT_EQ(reader.OnBytes(frame).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace storpool::wire
