// What a member's answer to a read means for the caller's memory. Pure: everything that came from
// the network is checked before it is used, and every block against its checksum (design 4.12).
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "lib/client/splitter.h"
#include "lib/wire/messages.h"

namespace storpool::client {

// Copies the part's bytes out of an answer with Result::kOk; blocks that are no data become zeroes.
// kInternal: the answer has another shape than the request. kDataLoss: a block does not match its
// checksum; then the target's content is undefined. kUnimplemented: blocks of a foreign parent.
absl::Status CopyOut(const wire::ReadAnswer& answer, const Part& part, bool has_foreign_parent,
                     std::span<uint8_t> target);

// For an answer about states only: sets bit `first_bit + i` for each block i that is data. `bits`
// holds zeroes there. Errors as above.
absl::Status CopyStates(const wire::ReadAnswer& answer, const Part& part, bool has_foreign_parent,
                        uint64_t first_bit, std::span<uint64_t> bits);

}  // namespace storpool::client
