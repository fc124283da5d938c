#include "lib/model/names.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"

namespace storpool::model {
namespace {

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string Shown(std::string_view name) {
  constexpr size_t kShown = 64;
  if (name.size() <= kShown) return std::string(name);
  return std::string(name.substr(0, kShown)) + "...";
}

absl::Status CheckCharacters(std::string_view name, std::string_view what,
                             std::string_view punctuation, size_t bytes_max) {
  if (name.empty()) return absl::InvalidArgumentError(absl::StrCat(std::string(what), " is empty"));
  if (name.size() > bytes_max) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(what), " '", Shown(name), "' has ",
                                                   name.size(), " characters, at most ", bytes_max,
                                                   " are possible"));
  }
  const bool ok = std::all_of(name.begin(), name.end(), [&](char c) {
    return IsAlnum(c) || punctuation.find(c) != std::string_view::npos;
  });
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " '", Shown(name),
                                                 "' may only have letters, digits and ",
                                                 std::string(punctuation)));
}

absl::Status Reserved(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(what), " '", std::string(name), "' is a reserved word"));
}

absl::Status CheckVolumeName(std::string_view name, std::string_view what,
                             std::string_view punctuation) {
  std::string_view plain = name;
  if (!plain.empty() && plain.front() == '#') plain.remove_prefix(1);
  if (auto s = CheckCharacters(plain, what, punctuation, kNameBytesMax); !s.ok()) return s;
  if (name.size() > kNameBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(what), " is longer than ", kNameBytesMax, " characters"));
  }
  if (name == "list" || name == "status") return Reserved(name, what);
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateVolumeName(std::string_view name) {
  return CheckVolumeName(name, "volume name", "_.:-");
}

absl::Status ValidateSnapshotName(std::string_view name) {
  return CheckVolumeName(name, "snapshot name", "_.:-@");
}

absl::Status ValidateTag(std::string_view name, std::string_view value) {
  if (auto s = CheckCharacters(name, "tag name", "_.:-", kNameBytesMax); !s.ok()) return s;
  if (value.empty()) return absl::OkStatus();
  return CheckCharacters(value, "tag value", "_.:-", kNameBytesMax);
}

absl::Status ValidateGroupName(std::string_view name) {
  if (name == "list") return Reserved(name, "placement group name");
  return CheckCharacters(name, "placement group name", "_-", kGroupNameBytesMax);
}

absl::Status ValidateDiskDescription(std::string_view text) {
  if (text.empty()) return absl::OkStatus();
  return CheckCharacters(text, "disk description", "_ -", kDiskDescriptionBytesMax);
}

absl::Status ValidateTemplateName(std::string_view name) {
  if (name == "list") return Reserved(name, "template name");
  return CheckCharacters(name, "template name", "_-", kNameBytesMax);
}

absl::Status ValidateClusterName(std::string_view name) {
  const auto lower = [](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    });
  };
  const size_t dot = name.find('.');
  if (name.size() <= kClusterNameBytesMax && dot != std::string_view::npos &&
      lower(name.substr(0, dot)) && lower(name.substr(dot + 1))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("cluster name '", Shown(name),
                   "' must be location.cluster, each of lower-case letters and digits"));
}

absl::Status ValidateVolumeSize(uint64_t size_bytes) {
  if (size_bytes == 0 || size_bytes % kSectorBytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "size ", size_bytes, " is not a positive multiple of ", kSectorBytes, " bytes"));
  }
  if (size_bytes > kVolumeBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("size ", size_bytes, " is above the largest volume of ", kVolumeBytesMax));
  }
  return absl::OkStatus();
}

}  // namespace storpool::model
