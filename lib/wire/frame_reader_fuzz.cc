// Any bytes in any pieces: the reader hands out the same messages, and ends with the same error, as
// if they had come at once. The first byte of the input chooses the pieces. Checksums are made
// right first, so that the fuzzer gets past them.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/crc32c.h"
#include "lib/wire/frame_reader.h"

namespace {

using storpool::BufferPool;
using storpool::wire::FrameReader;
using storpool::wire::Message;

struct Result final : FrameReader::Sink {
  bool OnMessage(Message&& message) override {
    types.push_back(static_cast<uint8_t>(storpool::wire::TypeOf(message)));
    return types.size() < 100;
  }
  std::vector<uint8_t> types;
  std::string error;
};

// `seed` 0: at once. Otherwise in pieces, some of them straight into the reader's target.
Result ReadIn(std::span<const uint8_t> bytes, uint8_t seed) {
  BufferPool pool;
  Result result;
  FrameReader reader(pool, result);
  uint32_t random = seed;
  while (!bytes.empty()) {
    random = random * 1103515245 + 12345;
    size_t piece = seed == 0 ? bytes.size() : 1 + (random >> 16) % 200;
    piece = std::min(piece, bytes.size());
    absl::Status status;
    const std::span<uint8_t> target = reader.DirectTarget();
    if (seed != 0 && !target.empty()) {
      piece = std::min(piece, target.size());
      std::memcpy(target.data(), bytes.data(), piece);
      status = reader.OnFilled(piece);
    } else {
      status = reader.OnBytes(bytes.first(piece));
    }
    bytes = bytes.subspan(piece);
    if (status.ok()) continue;
    result.error = status.ToString();
    break;
  }
  return result;
}

void MakeChecksumsRight(std::span<uint8_t> bytes) {
  namespace wire = storpool::wire;
  wire::FrameHeader header;
  while (bytes.size() >= sizeof header) {
    std::memcpy(&header, bytes.data(), sizeof header);
    header.magic = wire::kFrameMagic;
    header.reserved = 0;
    const std::span<uint8_t> rest = bytes.subspan(sizeof header);
    const size_t body = std::min<size_t>(header.body_bytes, rest.size());
    const size_t all = std::min<size_t>(body + size_t{header.payload_bytes}, rest.size());
    const bool blocks = (header.flags & wire::kFlagBlocks) != 0;
    header.body_crc = storpool::Crc32c(rest.first(blocks ? body : all));
    wire::SealHeader(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    bytes = rest.subspan(all);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::vector<uint8_t> bytes(data + 1, data + size);
  MakeChecksumsRight(bytes);
  const Result whole = ReadIn(bytes, 0);
  const Result pieces = ReadIn(bytes, static_cast<uint8_t>(data[0] | 1));
  if (whole.types != pieces.types || whole.error != pieces.error) std::abort();
  return 0;
}
