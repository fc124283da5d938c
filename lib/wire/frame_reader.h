// Cuts a byte stream into messages (design 4.14): small frames are received in bulk and their
// payload copied once into a pooled buffer; payloads from kDirectReceiveBytes on are received
// straight into theirs.
//
// Invariant: after an error nothing more is read; the owner closes the stream.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "lib/base/buffer.h"
#include "lib/wire/codec.h"

namespace storpool::wire {

class FrameReader {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    // False: stop now. The reader may have been destroyed.
    virtual bool OnMessage(Message&& message) = 0;
  };

  FrameReader(BufferPool& pool, Sink& sink) : pool_(&pool), sink_(sink) {}

  // Bytes that came in. On an error, or if the sink said stop (kCancelled), use it no more.
  absl::Status OnBytes(std::span<const uint8_t> bytes);
  // Where the next bytes are to be received, or empty (env::StreamHandler::DirectTarget).
  std::span<uint8_t> DirectTarget();
  absl::Status OnFilled(size_t size_bytes);

  // Longer payloads are refused: low until the peer has proved who it is.
  void set_payload_bytes_max(uint32_t size_bytes) { payload_bytes_max_ = size_bytes; }
  // Payloads that begin from now on come from this one.
  void set_pool(BufferPool& pool) { pool_ = &pool; }
  uint64_t frames() const { return frames_; }  // keep-alives included

 private:
  // Collects bytes of the header or body that came in pieces. Returns what is complete, or empty.
  std::span<const uint8_t> Collect(std::span<const uint8_t>& bytes, size_t size_bytes);
  absl::Status TakeHeader(std::span<const uint8_t> bytes);
  absl::Status Deliver();

  BufferPool* pool_;
  Sink& sink_;
  uint32_t payload_bytes_max_ = kFramePayloadBytesMax;
  uint64_t frames_ = 0;

  bool have_header_ = false;
  bool have_body_ = false;
  FrameHeader header_;
  std::span<const uint8_t> body_;  // in the bytes being handled, or in partial_
  Buffer payload_;
  size_t payload_filled_ = 0;
  std::array<uint8_t, kFrameBodyBytesMax> partial_;
  size_t partial_bytes_ = 0;
};

}  // namespace storpool::wire
