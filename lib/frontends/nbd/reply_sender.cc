#include "lib/frontends/nbd/reply_sender.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "lib/base/check.h"
#include "lib/base/limits.h"
#include "lib/frontends/nbd/negotiation.h"
#include "lib/frontends/nbd/replies.h"

namespace storpool::nbd {
namespace {

constexpr size_t kErrorTextBytesMax = 200;

bool AllZero(const uint8_t* data, size_t size_bytes) {
  return data[0] == 0 && std::memcmp(data, data + 1, size_bytes - 1) == 0;
}

}  // namespace

void ReplySender::SendError(const Request& request, Error error, std::string_view text) {
  if (!structured_) {
    stream_.Send(SimpleReply(error, request.cookie));
    return;
  }
  text = text.substr(0, kErrorTextBytesMax);
  std::array<uint8_t, kChunkHeaderBytes + 6 + kErrorTextBytesMax> out;
  const size_t body_bytes = 6 + text.size();
  StoreChunkHeader(out.data(), kChunkDone, Chunk::kError, request.cookie,
                   static_cast<uint32_t>(body_bytes));
  StoreBig(out.data() + kChunkHeaderBytes, static_cast<uint32_t>(error));
  StoreBig(out.data() + kChunkHeaderBytes + 4, static_cast<uint16_t>(text.size()));
  std::copy(text.begin(), text.end(), out.data() + kChunkHeaderBytes + 6);
  stream_.Send(std::span<const uint8_t>(out.data(), kChunkHeaderBytes + body_bytes));
}

void ReplySender::SendDone(const Request& request) {
  // Allowed for these commands whatever was negotiated, and shorter.
  stream_.Send(SimpleReply(Error::kNone, request.cookie));
}

void ReplySender::SendRead(const Request& request, const Buffer& data) {
  if (!structured_) {
    stream_.Send(SimpleReply(Error::kNone, request.cookie));
    stream_.Send(data);
    return;
  }
  // Without fragments the whole answer is one piece. What is not zero shows it in its first bytes
  // as a rule, so looking for zeroes costs next to nothing.
  const size_t piece_bytes =
      (request.flags & kDontFragment) != 0 ? data.size() : size_t{kNbdHolePieceBytes};
  size_t begin = 0;
  bool hole = false;
  for (size_t at = 0; at < data.size(); at += piece_bytes) {
    const bool zero = AllZero(data.data() + at, std::min(piece_bytes, data.size() - at));
    if (at > 0 && zero != hole) {
      SendReadChunk(request, data, begin, at, hole);
      begin = at;
    }
    hole = zero;
  }
  SendReadChunk(request, data, begin, data.size(), hole);
}

void ReplySender::SendReadChunk(const Request& request, const Buffer& data, size_t begin,
                                size_t end, bool hole) {
  const uint16_t flags = end == data.size() ? kChunkDone : 0;
  const uint64_t offset_bytes = request.offset_bytes + begin;
  const auto size_bytes = static_cast<uint32_t>(end - begin);
  if (hole) {
    stream_.Send(OffsetHole(flags, request.cookie, offset_bytes, size_bytes));
    return;
  }
  stream_.Send(OffsetDataHeader(flags, request.cookie, offset_bytes, size_bytes));
  stream_.Send(data.Slice(begin, size_bytes));
}

void ReplySender::SendBlockStatus(const Request& request, std::span<const block::Extent> extents) {
  SP_CHECK(structured_ && !extents.empty() && extents.size() <= kNbdExtentsMax);
  std::array<uint8_t, kChunkHeaderBytes + 4 + 8 * kNbdExtentsMax> out;
  const size_t body_bytes = 4 + 8 * extents.size();
  StoreChunkHeader(out.data(), kChunkDone, Chunk::kBlockStatus, request.cookie,
                   static_cast<uint32_t>(body_bytes));
  uint8_t* at = out.data() + kChunkHeaderBytes;
  StoreBig(at, kAllocationContextId);
  at += 4;
  for (const block::Extent& extent : extents) {
    StoreBig(at, static_cast<uint32_t>(extent.size_bytes));
    StoreBig(at + 4, extent.hole ? kStateHole | kStateZero : uint32_t{0});
    at += 8;
  }
  stream_.Send(std::span<const uint8_t>(out.data(), kChunkHeaderBytes + body_bytes));
}

}  // namespace storpool::nbd
