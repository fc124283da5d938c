#include "lib/wire/codec.h"

#include <bit>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "lib/base/crc32c.h"
#include "lib/wire/message_fields.h"

namespace storpool::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "frames are little-endian");

struct TypeInfo {
  FrameType type;
  const char* name;
};

// In the order of Message's alternatives.
constexpr TypeInfo kTypes[] = {
    {FrameType::kHello, "Hello"},
    {FrameType::kWriteRequest, "WriteRequest"},
    {FrameType::kWriteAnswer, "WriteAnswer"},
    {FrameType::kReadRequest, "ReadRequest"},
    {FrameType::kReadAnswer, "ReadAnswer"},
    {FrameType::kConfigHint, "ConfigHint"},
    {FrameType::kLineHint, "LineHint"},
    {FrameType::kForward, "Forward"},
    {FrameType::kProgress, "Progress"},
    {FrameType::kResend, "Resend"},
    {FrameType::kRelayAnswer, "RelayAnswer"},
    {FrameType::kAdopted, "Adopted"},
    {FrameType::kLevel, "Level"},
    {FrameType::kLeveled, "Leveled"},
    {FrameType::kFetch, "Fetch"},
    {FrameType::kFetchEntry, "FetchEntry"},
    {FrameType::kFetchEnd, "FetchEnd"},
    {FrameType::kPromiseRequest, "PromiseRequest"},
    {FrameType::kPromiseAnswer, "PromiseAnswer"},
    {FrameType::kRelease, "Release"},
    {FrameType::kConfirm, "Confirm"},
    {FrameType::kConfirmAnswer, "ConfirmAnswer"},
    {FrameType::kCreditAsk, "CreditAsk"},
    {FrameType::kCreditGrant, "CreditGrant"},
    {FrameType::kSyncOpen, "SyncOpen"},
    {FrameType::kSyncBegin, "SyncBegin"},
    {FrameType::kSyncStream, "SyncStream"},
    {FrameType::kSyncScan, "SyncScan"},
    {FrameType::kSyncChunkEnd, "SyncChunkEnd"},
    {FrameType::kSyncScanEnd, "SyncScanEnd"},
    {FrameType::kSyncAck, "SyncAck"},
    {FrameType::kSyncEnd, "SyncEnd"},
    {FrameType::kRepairRead, "RepairRead"},
    {FrameType::kRepairAnswer, "RepairAnswer"},
};
constexpr size_t kTypeCount = std::variant_size_v<Message>;
static_assert(std::size(kTypes) == kTypeCount);

template <class M, size_t I = 0>
constexpr size_t IndexOf() {
  if constexpr (std::is_same_v<M, std::variant_alternative_t<I, Message>>) {
    return I;
  } else {
    return IndexOf<M, I + 1>();
  }
}

// kTypeCount for a type that is no Message.
size_t IndexOf(uint8_t type) {
  // The numbers count up from 1 in the order of the alternatives; codec_test holds it.
  return type >= 1 && type <= kTypeCount ? type - size_t{1} : kTypeCount;
}

absl::Status Bad(const FrameHeader& header, const char* what) {
  return absl::DataLossError(
      absl::StrCat(TypeName(static_cast<FrameType>(header.type)), " frame: ", what));
}

bool BlocksMatch(const Buffer& payload, const Checksums& checksums) {
  for (size_t i = 0; i < checksums.size(); ++i) {
    if (Crc32c(payload.data() + i * kBlockBytes, kBlockBytes) != checksums[i]) return false;
  }
  return true;
}

bool PiecesMatch(const WriteRequest& write) {
  size_t at = 0;
  uint32_t sector = write.first_sector;
  for (size_t i = 0; i < write.checksums.size(); ++i) {
    const uint32_t in_block = kSectorsPerBlock - sector % kSectorsPerBlock;
    const size_t size_bytes = std::min(size_t{in_block} * kSectorBytes, write.payload.size() - at);
    if (Crc32c(write.payload.data() + at, size_bytes) != write.checksums[i]) return false;
    at += size_bytes;
    sector += in_block;
  }
  return true;
}

// Compared here, once in each process that receives the payload (design 6.3).
template <class M>
bool PayloadMatches(const M& message) {
  if constexpr (std::is_same_v<M, WriteRequest>) {
    return PiecesMatch(message);
  } else if constexpr (std::is_same_v<M, ReadAnswer>) {
    return BlocksMatch(message.payload, message.checksums);
  } else if constexpr (std::is_same_v<M, RepairAnswer>) {
    for (const Entry& entry : message.entries) {
      if (!BlocksMatch(entry.payload, entry.checksums)) return false;
    }
    return true;
  } else if constexpr (requires { message.entry; }) {
    return BlocksMatch(message.entry.payload, message.entry.checksums);
  } else {
    return true;
  }
}

template <class M>
absl::StatusOr<Message> DecodeAs(const FrameHeader& header, std::span<const uint8_t> body,
                                 Buffer payload, BufferPool& pool) {
  absl::StatusOr<Message> result(absl::in_place, std::in_place_type<M>);
  M& message = *std::get_if<M>(&*result);
  FieldReader reader(header, body, std::move(payload), pool);
  Fields(reader, message);
  if (!reader.ok()) return Bad(header, "a field is missing or out of its range");
  if (!reader.AtEnd()) return Bad(header, "has bytes that belong to no field");
  if (!PayloadMatches(message)) return Bad(header, "the payload does not match its checksums");
  return result;
}

using DecodeFn = absl::StatusOr<Message> (*)(const FrameHeader&, std::span<const uint8_t>, Buffer,
                                             BufferPool&);

template <size_t... I>
constexpr std::array<DecodeFn, sizeof...(I)> MakeDecoders(std::index_sequence<I...>) {
  return {&DecodeAs<std::variant_alternative_t<I, Message>>...};
}
constexpr auto kDecoders = MakeDecoders(std::make_index_sequence<kTypeCount>());

}  // namespace

void SealHeader(FrameHeader& header) {
  header.header_crc = Crc32c(&header, offsetof(FrameHeader, header_crc));
}

absl::Status CheckHeader(const FrameHeader& header) {
  if (header.magic != kFrameMagic) return absl::DataLossError("not a frame of this protocol");
  if (header.header_crc != Crc32c(&header, offsetof(FrameHeader, header_crc))) {
    return absl::DataLossError("a frame's header does not match its checksum");
  }
  const bool keep_alive = header.type == static_cast<uint8_t>(FrameType::kKeepAlive);
  if (!keep_alive && IndexOf(header.type) == kTypeCount) {
    return absl::DataLossError(absl::StrCat("a frame of unknown type ", header.type));
  }
  if ((header.flags & ~(kFlagOpened | kFlagBlocks)) != 0 || header.reserved != 0) {
    return Bad(header, "unknown flags");
  }
  if (header.body_bytes > kFrameBodyBytesMax || header.payload_bytes > kFramePayloadBytesMax) {
    return Bad(header, "longer than a frame may be");
  }
  if (keep_alive && (header.body_bytes != 0 || header.payload_bytes != 0)) {
    return Bad(header, "has content");
  }
  return absl::OkStatus();
}

template <class M>
size_t Encode(const M& message, BufferPool& pool, std::span<uint8_t> head, Payload& payload) {
  SP_CHECK(head.size() >= kFrameHeadBytesMax);
  FrameHeader header;
  header.type = static_cast<uint8_t>(kTypes[IndexOf<M>()].type);
  FieldWriter writer(header, head.subspan(kFrameHeaderBytes, kFrameBodyBytesMax));
  Fields(writer, message);
  header.body_bytes = static_cast<uint16_t>(writer.body_bytes());
  header.body_crc = Crc32c(head.data() + kFrameHeaderBytes, header.body_bytes);
  const std::span<const uint8_t> list = writer.list();
  if (!list.empty()) {
    header.body_crc = Crc32c(list, header.body_crc);
    payload.push_back(pool.Copy(list));
    header.payload_bytes = static_cast<uint32_t>(list.size());
  }
  for (Buffer& part : writer.payload()) {
    header.flags |= kFlagBlocks;
    header.payload_bytes += static_cast<uint32_t>(part.size());
    payload.push_back(std::move(part));
  }
  SP_CHECK(header.payload_bytes <= kFramePayloadBytesMax);
  SealHeader(header);
  std::memcpy(head.data(), &header, sizeof header);
  return sizeof header + header.body_bytes;
}

size_t Encode(const Message& message, BufferPool& pool, std::span<uint8_t> head, Payload& payload) {
  return std::visit([&](const auto& m) { return Encode(m, pool, head, payload); }, message);
}

size_t EncodeKeepAlive(std::span<uint8_t> head) {
  FrameHeader header;
  header.type = static_cast<uint8_t>(FrameType::kKeepAlive);
  SealHeader(header);
  std::memcpy(head.data(), &header, sizeof header);
  return sizeof header;
}

absl::StatusOr<Message> Decode(const FrameHeader& header, std::span<const uint8_t> body,
                               Buffer payload, BufferPool& pool) {
  const size_t index = IndexOf(header.type);
  if (index == kTypeCount) return Bad(header, "no message");
  if (body.size() != header.body_bytes || payload.size() != header.payload_bytes) {
    return Bad(header, "cut off");
  }
  uint32_t crc = Crc32c(body);
  if ((header.flags & kFlagBlocks) == 0) crc = Crc32c(payload.span(), crc);
  if (crc != header.body_crc) return Bad(header, "the body does not match its checksum");
  return kDecoders[index](header, body, std::move(payload), pool);
}

const char* TypeName(FrameType type) {
  if (type == FrameType::kKeepAlive) return "keep-alive";
  const size_t index = IndexOf(static_cast<uint8_t>(type));
  return index < kTypeCount ? kTypes[index].name : "unknown";
}

FrameType TypeOf(const Message& message) { return kTypes[message.index()].type; }

#define SP_ENCODE(M) template size_t Encode(const M&, BufferPool&, std::span<uint8_t>, Payload&);
SP_ENCODE(Hello)
SP_ENCODE(WriteRequest)
SP_ENCODE(WriteAnswer)
SP_ENCODE(ReadRequest)
SP_ENCODE(ReadAnswer)
SP_ENCODE(ConfigHint)
SP_ENCODE(LineHint)
SP_ENCODE(Forward)
SP_ENCODE(Progress)
SP_ENCODE(Resend)
SP_ENCODE(RelayAnswer)
SP_ENCODE(Adopted)
SP_ENCODE(Level)
SP_ENCODE(Leveled)
SP_ENCODE(Fetch)
SP_ENCODE(FetchEntry)
SP_ENCODE(FetchEnd)
SP_ENCODE(PromiseRequest)
SP_ENCODE(PromiseAnswer)
SP_ENCODE(Release)
SP_ENCODE(Confirm)
SP_ENCODE(ConfirmAnswer)
SP_ENCODE(CreditAsk)
SP_ENCODE(CreditGrant)
SP_ENCODE(SyncOpen)
SP_ENCODE(SyncBegin)
SP_ENCODE(SyncStream)
SP_ENCODE(SyncScan)
SP_ENCODE(SyncChunkEnd)
SP_ENCODE(SyncScanEnd)
SP_ENCODE(SyncAck)
SP_ENCODE(SyncEnd)
SP_ENCODE(RepairRead)
SP_ENCODE(RepairAnswer)
#undef SP_ENCODE

}  // namespace storpool::wire
