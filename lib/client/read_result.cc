#include "lib/client/read_result.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::client {
namespace {

absl::Status Shape(std::string_view what) {
  return absl::InternalError(absl::StrCat("a node answered a read with the wrong ",
                                          absl::string_view(what.data(), what.size())));
}

}  // namespace

// The first block's bytes before the part are skipped, the last one's behind it left out.
std::span<uint8_t> ReadSink::BytesOf(uint32_t i, uint32_t* skip) const {
  const uint32_t before = part_.first_sector % kSectorsPerBlock * kSectorBytes;
  *skip = i == 0 ? before : 0;
  const size_t to = i == 0 ? 0 : size_t{i} * kBlockBytes - before;
  return target_.subspan(to, std::min<size_t>(kBlockBytes - *skip, target_.size() - to));
}

void ReadSink::Data(uint32_t i, const uint8_t* block, uint32_t valid_bytes) {
  if (!bits_.empty()) bits_[(first_bit_ + i) / 64] |= uint64_t{1} << ((first_bit_ + i) % 64);
  if (target_.empty()) return;
  uint32_t skip = 0;
  const std::span<uint8_t> bytes = BytesOf(i, &skip);
  const size_t valid = valid_bytes <= skip ? 0 : std::min<size_t>(valid_bytes - skip, bytes.size());
  std::memcpy(bytes.data(), block + skip, valid);
  std::memset(bytes.data() + valid, 0, bytes.size() - valid);
}

void ReadSink::Zero(uint32_t i) {
  if (target_.empty()) return;
  uint32_t skip = 0;
  const std::span<uint8_t> bytes = BytesOf(i, &skip);
  std::memset(bytes.data(), 0, bytes.size());
}

absl::Status CheckShape(const wire::ReadAnswer& answer, uint32_t blocks, bool states_only) {
  if (answer.blocks != blocks || blocks > kRequestBlocksMax) return Shape("number of blocks");
  const BlockBits data(answer.data), absent(answer.absent);
  size_t data_blocks = 0;
  for (uint32_t i = 0; i < blocks; ++i) {
    if (data.Has(i) && absent.Has(i)) return Shape("block states");
    data_blocks += data.Has(i);
  }
  if (states_only) return absl::OkStatus();
  if (answer.payload.size() != data_blocks * kBlockBytes) return Shape("payload size");
  if (answer.checksums.size() != data_blocks) return Shape("number of checksums");
  return absl::OkStatus();
}

void TakeOwn(const wire::ReadAnswer& answer, bool has_foreign_parent, ReadSink& sink,
             BlockBits& absent) {
  const BlockBits data(answer.data), no_entry(answer.absent);
  const bool states_only = answer.payload.empty();
  size_t from = 0;
  for (uint32_t i = 0; i < answer.blocks; ++i) {
    if (data.Has(i)) {
      const uint8_t* block = states_only ? nullptr : answer.payload.data() + from * kBlockBytes;
      sink.Data(i, block);
      ++from;
    } else if (has_foreign_parent && no_entry.Has(i)) {
      absent.Set(i);
    } else {
      sink.Zero(i);
    }
  }
}

void TakeParents(const wire::ReadAnswer& answer, uint32_t first, bool has_foreign_parent,
                 uint64_t visible_bytes, BlockBits& missing, ReadSink& sink) {
  const BlockBits data(answer.data), no_entry(answer.absent);
  size_t from = 0;
  for (uint32_t i = 0; i < answer.blocks; ++i) {
    const uint32_t at = first + i;
    const bool is_data = data.Has(i);
    const size_t index = from;
    from += is_data;
    if (!missing.Has(at) || (has_foreign_parent && no_entry.Has(i))) continue;
    missing.Clear(at);
    const uint64_t start = uint64_t{at} * kBlockBytes;
    if (!is_data || start >= visible_bytes) {
      sink.Zero(at);
      continue;
    }
    const auto valid =
        static_cast<uint32_t>(std::min<uint64_t>(kBlockBytes, visible_bytes - start));
    sink.Data(at, answer.payload.empty() ? nullptr : answer.payload.data() + index * kBlockBytes,
              valid);
  }
}

}  // namespace storpool::client
