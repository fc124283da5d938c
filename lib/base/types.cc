#include "lib/base/types.h"

#include "absl/strings/str_cat.h"

namespace storpool {

std::string ToString(Version version) {
  return absl::StrCat(version.epoch().value(), ".", version.sequence());
}

std::string ToString(ChainId chain) {
  return absl::StrCat(chain.table().value(), ":", chain.index());
}

std::string ToString(const Session& session) {
  return absl::StrCat("volume ", session.volume.value(), " client ", session.client.value(),
                      " generation ", session.generation.value());
}

}  // namespace storpool
