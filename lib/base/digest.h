// SHA-256 and the keyed digest (HMAC-SHA-256) by which processes of a cluster prove to each other
// that they know its secret (design 6.3, 12).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace storpool {

using Digest = std::array<uint8_t, 32>;

Digest Sha256(std::span<const uint8_t> data);
// Whoever does not know `key` cannot make it, nor learn the key from it.
Digest KeyedDigest(std::string_view key, std::span<const uint8_t> data);
// Takes the same time wherever they differ.
bool SameDigest(const Digest& a, const Digest& b);

}  // namespace storpool
