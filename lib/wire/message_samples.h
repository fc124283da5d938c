// Random valid messages of every type, for tests: the same seed gives the same bytes.
#pragma once

#include <string>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/random.h"
#include "lib/wire/messages.h"

namespace storpool::wire {

// `index` is that of the alternative in Message.
Message SampleMessage(size_t index, Random& random, BufferPool& pool);
// The whole frame: header, body, payload.
std::vector<uint8_t> FrameBytes(const Message& message, BufferPool& pool);

}  // namespace storpool::wire
