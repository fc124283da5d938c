#include "lib/frontends/nbd/test_client.h"

namespace storpool::nbd {

std::string Answers::Next(std::string* data, size_t simple_data_bytes) {
  if (empty()) return "nothing";
  const auto magic = Number<uint32_t>();
  if (magic == kStructuredReplyMagic) return NextChunk(data);
  if (magic != kSimpleReplyMagic) return "no reply";
  const auto error = Number<uint32_t>();
  const auto cookie = Number<uint64_t>();
  if (error != 0) return absl::StrCat(cookie, " error ", error);
  if (data != nullptr && simple_data_bytes > 0) *data = Take(simple_data_bytes);
  return absl::StrCat(cookie, " done");
}

std::string Answers::NextChunk(std::string* data) {
  const auto flags = Number<uint16_t>();
  const auto type = static_cast<Chunk>(Number<uint16_t>());
  const auto cookie = Number<uint64_t>();
  auto left_bytes = Number<uint32_t>();
  std::string text = absl::StrCat(cookie, " ");
  if (type == Chunk::kOffsetData) {
    text += absl::StrCat("data ", Number<uint64_t>(), "+", left_bytes - 8);
    std::string bytes = Take(left_bytes - 8);
    if (data != nullptr) *data = std::move(bytes);
  } else if (type == Chunk::kOffsetHole) {
    text += absl::StrCat("hole ", Number<uint64_t>());
    text += absl::StrCat("+", Number<uint32_t>());
  } else if (type == Chunk::kBlockStatus) {
    text += absl::StrCat("extents of ", Number<uint32_t>(), ":");
    for (left_bytes -= 4; left_bytes >= 8; left_bytes -= 8) {
      text += absl::StrCat(" ", Number<uint32_t>());
      text += absl::StrCat("/", Number<uint32_t>());
    }
  } else if (type == Chunk::kError) {
    text += absl::StrCat("error ", Number<uint32_t>());
    const auto size_bytes = Number<uint16_t>();
    text += absl::StrCat(" ", Take(size_bytes));
  } else {
    text += absl::StrCat("chunk ", static_cast<uint16_t>(type));
    Take(left_bytes);
  }
  return (flags & kChunkDone) != 0 ? text + "." : text;
}

}  // namespace storpool::nbd
