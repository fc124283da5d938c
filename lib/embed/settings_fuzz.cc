// Any text as settings: refused, or understood alike when it is written in the plain form again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lib/embed/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace embed = storpool::embed;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  embed::Settings settings;
  if (!embed::AddSettings(text, "settings", "host", settings).ok()) return 0;
  std::string plain = "[host]\n";
  for (const auto& [key, value] : settings) plain += key + "='" + value + "'\n";
  embed::Settings again;
  if (plain.find('\\') != std::string::npos) return 0;  // may go on in the next line
  for (const auto& [key, value] : settings) {
    if (key[0] == '[' || key[0] == '#' || key[0] == ';') return 0;
  }
  if (!embed::AddSettings(plain, "settings", "host", again).ok() || again != settings) std::abort();
  return 0;
}
