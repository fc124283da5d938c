#include "lib/client/read_result.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/crc32c.h"

namespace storpool::client {
namespace {

using Bits = std::array<uint64_t, kRequestBlocksMax / 64>;

bool Has(const Bits& bits, uint32_t i) { return (bits[i / 64] >> (i % 64) & 1) != 0; }

absl::Status Shape(std::string_view what) {
  return absl::InternalError(absl::StrCat("a node answered a read with the wrong ",
                                          absl::string_view(what.data(), what.size())));
}

// The blocks asked for, and none of them both data and absent, nor a parent's.
absl::Status CheckStates(const wire::ReadAnswer& answer, const Part& part,
                         bool has_foreign_parent) {
  if (answer.blocks != part.blocks().count) return Shape("number of blocks");
  for (uint32_t i = 0; i < answer.blocks; ++i) {
    if (!Has(answer.absent, i)) continue;
    if (Has(answer.data, i)) return Shape("block states");
    if (has_foreign_parent) {
      return absl::UnimplementedError(
          "the block is in the volume's parent, which cannot be read yet");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CopyOut(const wire::ReadAnswer& answer, const Part& part, bool has_foreign_parent,
                     std::span<uint8_t> target) {
  SP_RETURN_IF_ERROR(CheckStates(answer, part, has_foreign_parent));
  size_t data_blocks = 0;
  for (uint32_t i = 0; i < answer.blocks; ++i) data_blocks += Has(answer.data, i);
  if (answer.payload.size() != data_blocks * kBlockBytes) return Shape("payload size");
  if (answer.checksums.size() != data_blocks) return Shape("number of checksums");

  // The first block's bytes before the part are skipped, the last one's behind it left out.
  uint32_t skip = part.first_sector % kSectorsPerBlock * kSectorBytes;
  size_t to = 0;
  size_t from = 0;
  for (uint32_t i = 0; i < answer.blocks; ++i) {
    const size_t size = std::min<size_t>(kBlockBytes - skip, target.size() - to);
    if (Has(answer.data, i)) {
      const uint8_t* block = answer.payload.data() + from * kBlockBytes;
      if (Crc32c(block, kBlockBytes) != answer.checksums[from]) {
        return absl::DataLossError("a block read does not match its checksum");
      }
      std::memcpy(target.data() + to, block + skip, size);
      ++from;
    } else {
      std::memset(target.data() + to, 0, size);
    }
    to += size;
    skip = 0;
  }
  return absl::OkStatus();
}

absl::Status CopyStates(const wire::ReadAnswer& answer, const Part& part, bool has_foreign_parent,
                        uint64_t first_bit, std::span<uint64_t> bits) {
  SP_RETURN_IF_ERROR(CheckStates(answer, part, has_foreign_parent));
  for (uint32_t i = 0; i < answer.blocks; ++i) {
    const uint64_t bit = first_bit + i;
    if (Has(answer.data, i)) bits[bit / 64] |= uint64_t{1} << (bit % 64);
  }
  return absl::OkStatus();
}

}  // namespace storpool::client
