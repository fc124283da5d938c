#include "lib/env/posix/disk_place.h"

#include <limits>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "lib/base/size.h"

namespace storpool::env {
namespace {

constexpr uint64_t kRangeUnitBytes = 1 << 20;

}  // namespace

absl::StatusOr<DiskPlace> ParseDiskPlace(const std::string& text) {
  const size_t at = text.rfind('@');
  const size_t plus = text.rfind('+');
  if (at == std::string::npos || at == 0 || plus == std::string::npos || plus < at) {
    return DiskPlace{text};
  }
  const std::string_view all = text;
  const absl::StatusOr<uint64_t> offset = ParseSize(all.substr(at + 1, plus - at - 1));
  const absl::StatusOr<uint64_t> size = ParseSize(all.substr(plus + 1));
  if (!offset.ok() || !size.ok()) return DiskPlace{text};
  if (*size == 0 || *offset % kRangeUnitBytes != 0 || *size % kRangeUnitBytes != 0 ||
      *size > std::numeric_limits<uint64_t>::max() - *offset) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, ": a range of bytes is PATH@OFFSET+SIZE, both whole MiBs, such as ",
                     text.substr(0, at), "@500G+500G"));
  }
  return DiskPlace{text.substr(0, at), *offset, *size};
}

}  // namespace storpool::env
