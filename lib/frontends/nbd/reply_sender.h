// Puts the answer to one request on a stream: simple or structured, as was negotiated.
//
// Invariant: one answer a request, in one go; chunks of two answers never mix. Data is sent from
// the buffer into which it was read; nothing is allocated.
#pragma once

#include <span>
#include <string_view>

#include "lib/block/block_device.h"
#include "lib/env/stream.h"
#include "lib/frontends/nbd/parser.h"

namespace storpool::nbd {

class ReplySender {
 public:
  explicit ReplySender(env::Stream& stream) : stream_(stream) {}
  // Structured replies were negotiated.
  void set_structured(bool structured) { structured_ = structured; }

  void SendError(const Request& request, Error error, std::string_view text);
  // For all but read and block status.
  void SendDone(const Request& request);
  void SendRead(const Request& request, const Buffer& data);
  void SendBlockStatus(const Request& request, std::span<const block::Extent> extents);

 private:
  void SendReadChunk(const Request& request, const Buffer& data, size_t begin, size_t end,
                     bool hole);

  env::Stream& stream_;
  bool structured_ = false;
};

}  // namespace storpool::nbd
