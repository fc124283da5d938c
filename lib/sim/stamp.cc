#include "lib/sim/stamp.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/limits.h"

namespace storpool::sim {
namespace {

constexpr size_t kWords = kSectorBytes / sizeof(uint64_t);

// Word i of a sector: tells stamp, place and position, so that nothing else passes for it.
uint64_t Word(uint64_t stamp, uint64_t sector, size_t i) {
  if (i == 0) return stamp;
  return (stamp ^ (sector << 20) ^ i) * 0x9e3779b97f4a7c15ull;
}

}  // namespace

void FillStamps(uint64_t stamp, uint64_t first_sector, std::span<uint8_t> bytes) {
  SP_CHECK(bytes.size() % kSectorBytes == 0 && stamp != 0);
  for (size_t at = 0; at < bytes.size(); at += kSectorBytes) {
    for (size_t i = 0; i < kWords; ++i) {
      const uint64_t word = Word(stamp, first_sector + at / kSectorBytes, i);
      std::memcpy(&bytes[at + i * sizeof word], &word, sizeof word);
    }
  }
}

absl::StatusOr<std::vector<uint64_t>> ReadStamps(uint64_t first_sector,
                                                 std::span<const uint8_t> bytes) {
  SP_CHECK(bytes.size() % kSectorBytes == 0);
  std::vector<uint64_t> stamps;
  for (size_t at = 0; at < bytes.size(); at += kSectorBytes) {
    const uint64_t sector = first_sector + at / kSectorBytes;
    uint64_t stamp = 0;
    std::memcpy(&stamp, &bytes[at], sizeof stamp);
    for (size_t i = 0; i < kWords; ++i) {
      uint64_t word = 0;
      std::memcpy(&word, &bytes[at + i * sizeof word], sizeof word);
      if (word != (stamp == 0 ? 0 : Word(stamp, sector, i))) {
        return absl::DataLossError(
            absl::StrCat("sector ", sector, ": word ", i, " does not belong to stamp ", stamp));
      }
    }
    stamps.push_back(stamp);
  }
  return stamps;
}

}  // namespace storpool::sim
