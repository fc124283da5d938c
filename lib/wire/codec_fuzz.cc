// Any bytes: either refused or a message that encodes to the same bytes again. The checksums of
// header and body are made right first, so that the fuzzer gets past them.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "lib/base/crc32c.h"
#include "lib/wire/codec.h"

using storpool::Buffer;
using storpool::BufferPool;
using storpool::Crc32c;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace wire = storpool::wire;
  wire::FrameHeader header;
  if (size < sizeof header) return 0;
  std::memcpy(&header, data, sizeof header);
  const std::span<const uint8_t> rest(data + sizeof header, size - sizeof header);
  header.magic = wire::kFrameMagic;
  header.reserved = 0;
  if (header.body_bytes > rest.size()) header.body_bytes = static_cast<uint16_t>(rest.size());
  header.payload_bytes = static_cast<uint32_t>(rest.size() - header.body_bytes);
  const bool blocks = (header.flags & wire::kFlagBlocks) != 0;
  header.body_crc = Crc32c(blocks ? rest.first(header.body_bytes) : rest);
  wire::SealHeader(header);
  if (!wire::CheckHeader(header).ok()) return 0;

  BufferPool pool;
  Buffer payload = pool.Copy(rest.subspan(header.body_bytes));
  const auto message = wire::Decode(header, rest.first(header.body_bytes), payload, pool);
  if (!message.ok()) return 0;
  std::vector<uint8_t> head(wire::kFrameHeadBytesMax);
  wire::Payload parts;
  const size_t head_bytes = wire::Encode(*message, pool, head, parts);
  const bool same_body =
      head_bytes == sizeof header + header.body_bytes &&
      std::memcmp(head.data() + sizeof header, rest.data(), header.body_bytes) == 0;
  if (!same_body) std::abort();
  return 0;
}
