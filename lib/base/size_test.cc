#include "lib/base/size.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace storpool {
namespace {

TEST(Size, IsReadInBinaryUnits) {
  const std::vector<std::pair<std::string, uint64_t>> good = {
      {"0", 0},           {"512", 512},         {"1K", 1024},        {"2m", 2 << 20},
      {"3G", 3ull << 30}, {"4TiB", 4ull << 40}, {"5GB", 5ull << 30}, {"16383P", 16383ull << 50},
      {"7B", 7},
  };
  for (const auto& [text, bytes] : good) {
    const absl::StatusOr<uint64_t> size = ParseSize(text);
    ASSERT_TRUE(size.ok()) << text << ": " << size.status();
    EXPECT_EQ(*size, bytes) << text;
  }
  for (const char* text :
       {"", "G", "-1", "1.5G", "2X", "2GG", "2iB", "1 G", "16384P", "18446744073709551616"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
  EXPECT_EQ(ParseSize("2X").status().message(),
            "\"2X\" is no size: unknown unit; write a number of bytes, or one with K, M, G, T or P "
            "(binary units), such as 100G");
}

TEST(Size, IsWrittenWithOneDecimalWhereItMatters) {
  const std::vector<std::pair<uint64_t, std::string>> cases = {
      {0, "0 B"},
      {1023, "1023 B"},
      {1024, "1 KiB"},
      {1536, "1.5 KiB"},
      {2ull << 30, "2 GiB"},
      {(1ull << 40) - 1, "1.0 TiB"},
      {150ull << 20 | 1, "150 MiB"},
      {100ull << 40, "100 TiB"},
      {~0ull, "16384 PiB"},
  };
  for (const auto& [bytes, text] : cases) EXPECT_EQ(FormatSize(bytes), text) << bytes;
}

}  // namespace
}  // namespace storpool
