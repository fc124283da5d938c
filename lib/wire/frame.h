// The header of a frame and the numbers of the types (docs/wire-format.md).
//
// Invariant: a header that CheckHeader accepted has lengths within the limits and a type that this
// protocol knows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "lib/base/limits.h"

namespace storpool::wire {

enum class FrameType : uint8_t {
  kHello = 1,
  kWriteRequest = 2,
  kWriteAnswer = 3,
  kReadRequest = 4,
  kReadAnswer = 5,
  kConfigHint = 6,
  kLineHint = 7,
  kForward = 8,
  kProgress = 9,
  kResend = 10,
  kRelayAnswer = 11,
  kAdopted = 12,
  kLevel = 13,
  kLeveled = 14,
  kFetch = 15,
  kFetchEntry = 16,
  kFetchEnd = 17,
  kPromiseRequest = 18,
  kPromiseAnswer = 19,
  kRelease = 20,
  kConfirm = 21,
  kConfirmAnswer = 22,
  kCreditAsk = 23,
  kCreditGrant = 24,
  kSyncOpen = 25,
  kSyncBegin = 26,
  kSyncStream = 27,
  kSyncScan = 28,
  kSyncChunkEnd = 29,
  kSyncScanEnd = 30,
  kSyncAck = 31,
  kSyncEnd = 32,
  kRepairRead = 33,
  kRepairAnswer = 34,
  kKeepAlive = 255,  // says only that the sender lives; never a Message
};

inline constexpr uint32_t kFrameMagic = 0x31465053;  // "SPF1"
inline constexpr uint8_t kFlagOpened = 1;            // the body begins with T
inline constexpr uint8_t kFlagBlocks = 2;  // the payload is data, its checksums are in the body
inline constexpr uint32_t kFramePayloadBytesMax = kRequestBytesMax + kBlockBytes;
inline constexpr size_t kFrameHeadBytesMax = kFrameHeaderBytes + kFrameBodyBytesMax;

// As on the wire; the code runs on little-endian machines only (asserted in codec.cc).
struct FrameHeader {
  uint32_t magic = kFrameMagic;
  uint8_t type = 0;
  uint8_t flags = 0;
  uint16_t body_bytes = 0;
  uint32_t payload_bytes = 0;
  uint32_t body_crc = 0;
  uint32_t chain = 0;
  uint32_t epoch = 0;
  uint64_t number = 0;
  uint64_t durable = 0;
  uint64_t committed = 0;
  uint32_t line_version = 0;
  uint16_t from = 0;
  uint16_t to = 0;
  uint32_t reserved = 0;
  uint32_t header_crc = 0;
};
static_assert(sizeof(FrameHeader) == kFrameHeaderBytes);

// Sets header_crc.
void SealHeader(FrameHeader& header);
// Whether these are the first 64 bytes of a frame; tells what is wrong with them.
absl::Status CheckHeader(const FrameHeader& header);

}  // namespace storpool::wire
