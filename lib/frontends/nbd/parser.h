// What an NBD client sends, taken apart: an incremental parser of fixed newstyle negotiation and of
// transmission. Pure: bytes in, events out; it knows neither sockets nor volumes.
//
// Invariant: nothing is believed before it is complete, no length is used before it is bounded, and
// at most kNbdOptionBytesMax bytes are kept here, whatever the client sends. Payload never passes
// through the parser's memory.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/frontends/nbd/constants.h"

namespace storpool::nbd {

// One request of the transmission phase; a payload follows apart.
struct Request {
  uint16_t flags = 0;
  Command command = Command::kRead;  // any value
  uint64_t cookie = 0;
  uint64_t offset_bytes = 0;
  uint32_t size_bytes = 0;
};

class Parser {
 public:
  static constexpr size_t kRequestHeaderBytes = 28;

  enum class Event {
    kNeedMore,     // all bytes were taken; nothing is complete
    kClientFlags,  // client_flags()
    kOption,       // option(), option_data(); or option_too_big(), its data was dropped
    kRequest,      // request(); for a write, call TakePayload or DropPayload next
    kPayloadDone,  // the payload that TakePayload or DropPayload asked for is complete
    kBroken,       // not NBD: broken_reason(). Nothing more is parsed
  };

  // Takes bytes from the front of *bytes until something is complete.
  Event Next(std::span<const uint8_t>* bytes);

  uint32_t client_flags() const { return client_flags_; }
  Option option() const { return option_; }
  bool option_too_big() const { return option_too_big_; }
  // Valid until the next call of Next.
  std::span<const uint8_t> option_data() const { return option_data_; }
  const Request& request() const { return request_; }
  const std::string& broken_reason() const { return broken_reason_; }

  // From now on requests come, not options.
  void BeginTransmission() { state_ = State::kRequestHeader; }
  // The next target.size() bytes are the payload and go to `target`; or are dropped.
  void TakePayload(std::span<uint8_t> target);
  void DropPayload(uint32_t size_bytes);
  // What of the payload is missing still: for receiving straight into it.
  std::span<uint8_t> missing_payload() const { return payload_; }
  // `size_bytes` bytes were received straight into missing_payload().
  // True if the payload is complete now; no kPayloadDone follows.
  bool Filled(size_t size_bytes);

 private:
  enum class State {
    kClientFlags,
    kOptionHeader,
    kOptionData,
    kRequestHeader,
    kPayload,
    kDrop,
    kBroken,
  };

  // The next `size_bytes` bytes in one piece, or nullptr if they have not all come yet.
  const uint8_t* TakeHeader(size_t size_bytes, std::span<const uint8_t>* bytes);
  Event Broken(std::string reason);
  Event NextOptionHeader(const uint8_t* header);
  Event NextOptionData(std::span<const uint8_t>* bytes);
  Event NextRequest(const uint8_t* header);
  Event NextPayload(std::span<const uint8_t>* bytes);
  Event NextDrop(std::span<const uint8_t>* bytes);

  State state_ = State::kClientFlags;
  std::array<uint8_t, kRequestHeaderBytes> header_ = {};
  size_t header_bytes_ = 0;
  uint32_t client_flags_ = 0;
  Option option_ = Option::kAbort;
  bool option_too_big_ = false;
  uint32_t option_size_bytes_ = 0;
  std::vector<uint8_t> option_data_;
  Request request_;
  std::span<uint8_t> payload_;
  uint32_t drop_bytes_ = 0;
  std::string broken_reason_;
};

}  // namespace storpool::nbd
