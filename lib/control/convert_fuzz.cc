// Any bytes as a control message: refused, or a model that says the same again. The first byte
// chooses the message.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "lib/control/convert.h"

namespace {

template <class Proto>
void Try(const std::string& bytes) {
  Proto message;
  if (!message.ParseFromString(bytes)) return;
  const auto model = storpool::control::ToModel(message);
  if (!model.ok()) return;
  const Proto again = storpool::control::ToMessage(*model);
  const auto same = storpool::control::ToModel(again);
  if (!same.ok() ||
      storpool::control::ToMessage(*same).SerializeAsString() != again.SerializeAsString()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 4) {
    case 0:
      Try<storpool::ChainConfig>(bytes);
      break;
    case 1:
      Try<storpool::NamedConfig>(bytes);
      break;
    case 2:
      Try<storpool::Raise>(bytes);
      break;
    default:
      Try<storpool::Line>(bytes);
      break;
  }
  return 0;
}
