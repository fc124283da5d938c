// What a member's answer to a read means. Pure: its shape is checked against the request before it
// is used. That its blocks match their checksums is what lib/wire has compared (design 6.3).
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "lib/client/block_bits.h"
#include "lib/client/splitter.h"
#include "lib/wire/messages.h"

namespace storpool::client {

// Where the blocks of a part go: to the caller's memory, as a bit each to a list of what is data,
// or both. Blocks are counted from the part's first one.
class ReadSink {
 public:
  // `target`: the part's bytes, or nothing. `bits`: bit `first_bit + i` is set where block i is
  // data, and zero before; or nothing.
  ReadSink(const Part& part, std::span<uint8_t> target, std::span<uint64_t> bits,
           uint64_t first_bit)
      : part_(part), target_(target), bits_(bits), first_bit_(first_bit) {}

  // `block` has kBlockBytes bytes, of which `valid_bytes` count and the rest reads as zeroes; only
  // nullptr where nothing but states was asked for.
  void Data(uint32_t i, const uint8_t* block, uint32_t valid_bytes = kBlockBytes);
  void Zero(uint32_t i);

 private:
  std::span<uint8_t> BytesOf(uint32_t i, uint32_t* skip) const;

  const Part& part_;
  const std::span<uint8_t> target_;
  const std::span<uint64_t> bits_;
  const uint64_t first_bit_;
};

// Whether an answer with Result::kOk has the shape of its request for `blocks` blocks: kInternal.
absl::Status CheckShape(const wire::ReadAnswer& answer, uint32_t blocks, bool states_only);

// Gives the answer of the volume's own chain, whose shape was checked, to `sink`. Blocks without an
// entry are zeroes, or, if there is a foreign parent, bits of `absent`.
void TakeOwn(const wire::ReadAnswer& answer, bool has_foreign_parent, ReadSink& sink,
             BlockBits& absent);

// Gives what is `missing` and a foreign parent has answered, data or hole, to `sink`. Its range
// begins `first` blocks behind that of `missing`; its shape was checked. Bytes of block i at
// or beyond `visible_bytes` - i * kBlockBytes are zeroes.
void TakeParents(const wire::ReadAnswer& answer, uint32_t first, bool has_foreign_parent,
                 uint64_t visible_bytes, BlockBits& missing, ReadSink& sink);

}  // namespace storpool::client
