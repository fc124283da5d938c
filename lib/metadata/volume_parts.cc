#include "lib/metadata/volume_parts.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/limits.h"
#include "lib/metadata/errors.h"
#include "lib/model/names.h"
#include "lib/placement/locate.h"

namespace storpool::metadata {

absl::Status AsInvalid(const absl::Status& status) {
  return status.ok() ? status : InvalidParam(std::string(status.message()));
}

absl::Status NoTemplate(const std::string& name) {
  return ObjectDoesNotExist(
      absl::StrCat("template '", name, "' does not exist; 'template list' shows all"));
}

std::string GlobalIdOf(const ClusterRecord& cluster, uint64_t id) {
  constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string text;
  do {
    text += kDigits[id % 36];
    id /= 36;
  } while (id != 0);
  std::reverse(text.begin(), text.end());
  return absl::StrCat(cluster.name(), ".", text);
}

std::string NameOf(const Volume& volume) {
  return absl::StrCat(volume.deleted() ? "*" : "",
                      volume.name().empty() ? "~" + volume.global_id() : volume.name());
}

std::string Called(const Volume& volume) {
  return absl::StrCat(volume.snapshot() ? "snapshot " : "volume ", NameOf(volume));
}

uint32_t FirstChainOf(uint64_t lineage, uint32_t chains) {
  return placement::Locate(LineageId(lineage), ChunkIndex(0), chains);
}

absl::Status CheckTags(const Tags& tags) {
  for (const Tag& tag : tags) {
    SP_RETURN_IF_ERROR(AsInvalid(model::ValidateTag(tag.name(), tag.value())));
  }
  return absl::OkStatus();
}

absl::Status CheckTagCount(const Volume& volume) {
  if (volume.tags_size() <= static_cast<int>(kTagsPerVolumeMax)) return absl::OkStatus();
  return InvalidParam(absl::StrCat("volume ", NameOf(volume), " would have ", volume.tags_size(),
                                   " tags, at most ", kTagsPerVolumeMax, " are possible"));
}

void MergeTags(const Tags& changes, Volume& volume) {
  if (changes.empty()) return;
  std::map<std::string, std::string> tags;
  for (const Tag& tag : volume.tags()) tags[tag.name()] = tag.value();
  for (const Tag& tag : changes) tags[tag.name()] = tag.value();
  volume.clear_tags();
  for (const auto& [name, value] : tags) {
    if (value.empty()) continue;
    Tag& tag = *volume.add_tags();
    tag.set_name(name);
    tag.set_value(value);
  }
}

}  // namespace storpool::metadata
