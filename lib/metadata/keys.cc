#include "lib/metadata/keys.h"

namespace storpool::metadata {
namespace {
constexpr size_t kDigits = 16;
}

std::string EncodeKey(uint64_t number) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text(kDigits, '0');
  for (size_t i = 0; i < kDigits; ++i) text[kDigits - 1 - i] = kHex[(number >> (4 * i)) & 15];
  return text;
}

std::string EncodeKey(std::pair<uint64_t, uint64_t> numbers) {
  return EncodeKey(numbers.first) + "-" + EncodeKey(numbers.second);
}

bool DecodeKey(std::string_view text, uint64_t& number) {
  if (text.size() != kDigits) return false;
  number = 0;
  for (char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return false;
    number = number << 4 | static_cast<uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return true;
}

bool DecodeKey(std::string_view text, std::pair<uint64_t, uint64_t>& numbers) {
  if (text.size() != 2 * kDigits + 1 || text[kDigits] != '-') return false;
  return DecodeKey(text.substr(0, kDigits), numbers.first) &&
         DecodeKey(text.substr(kDigits + 1), numbers.second);
}

}  // namespace storpool::metadata
