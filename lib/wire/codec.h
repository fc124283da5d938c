// Messages to bytes and back (docs/wire-format.md).
//
// Invariant: Decode gives a message only if every length, count and range in it is within its limit
// and every checksum fits, those of data payloads included; otherwise an error that says what is
// wrong. Payloads are never copied. No allocation for the types of the hot path.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "lib/base/buffer.h"
#include "lib/wire/field_archive.h"
#include "lib/wire/frame.h"
#include "lib/wire/messages.h"

namespace storpool::wire {

// Writes header and body to `head`, which has kFrameHeadBytesMax bytes, and appends the payload's
// parts to `payload`; returns the bytes of `head` that are used. The message is a valid one: its
// lists fit a frame (checked), except those that may be cut (repair entries, reasons).
size_t Encode(const Message& message, BufferPool& pool, std::span<uint8_t> head, Payload& payload);
// The same without a variant around it, for each type of Message.
template <class M>
size_t Encode(const M& message, BufferPool& pool, std::span<uint8_t> head, Payload& payload);
// The 64 bytes of a keep-alive.
size_t EncodeKeepAlive(std::span<uint8_t> head);

// `header` was accepted by CheckHeader; `body` and `payload` have the lengths that it names.
absl::StatusOr<Message> Decode(const FrameHeader& header, std::span<const uint8_t> body,
                               Buffer payload, BufferPool& pool);

// The name of a type, for logs: "WriteRequest".
const char* TypeName(FrameType type);
FrameType TypeOf(const Message& message);

}  // namespace storpool::wire
