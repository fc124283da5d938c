// SHA-256 and the keyed digest (HMAC) by which a peer proves that it knows the cluster secret, to
// metadata (Register) and to other members (Hello). The secret itself never travels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace storpool {

using Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  void Add(std::span<const uint8_t> bytes);
  void Add(std::string_view text);
  Digest Finish();  // Once.

 private:
  void Block(const uint8_t* block);

  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> partial_;
  size_t partial_bytes_ = 0;
  uint64_t total_bytes_ = 0;
};

// HMAC-SHA-256.
Digest KeyedDigest(std::span<const uint8_t> key, std::string_view message);

// What is kept of a cluster secret, and the key of its proofs.
Digest SecretKey(std::string_view secret);
// The proof for a nonce; compare with EqualDigests.
Digest ProofOf(std::span<const uint8_t> secret_key, std::string_view nonce);
// In a time that does not depend on where they differ.
bool EqualDigests(std::span<const uint8_t> a, std::span<const uint8_t> b);

inline std::string_view AsText(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace storpool
