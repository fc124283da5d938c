#include "lib/base/digest.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace storpool {
namespace {

constexpr size_t kPieceBytes = 64;

// Fractional parts of the cube roots of the first 64 primes (FIPS 180-4).
constexpr uint32_t kRounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

class Sha256State {
 public:
  void Add(std::span<const uint8_t> data) {
    total_bytes_ += data.size();
    while (!data.empty()) {
      const size_t part = std::min(data.size(), kPieceBytes - filled_);
      std::memcpy(piece_ + filled_, data.data(), part);
      filled_ += part;
      data = data.subspan(part);
      if (filled_ == kPieceBytes) Mix();
    }
  }

  Digest Finish() {
    const uint64_t bits = total_bytes_ * 8;
    const uint8_t one = 0x80, zero = 0;
    Add({&one, 1});
    while (filled_ != kPieceBytes - 8) Add({&zero, 1});
    uint8_t length[8];
    for (int i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
    Add(length);
    Digest digest;
    for (size_t i = 0; i < digest.size(); ++i) {
      digest[i] = static_cast<uint8_t>(hash_[i / 4] >> (24 - 8 * (i % 4)));
    }
    return digest;
  }

 private:
  void Mix() {
    uint32_t w[64];
    for (size_t i = 0; i < 16; ++i) {
      w[i] = uint32_t{piece_[4 * i]} << 24 | uint32_t{piece_[4 * i + 1]} << 16 |
             uint32_t{piece_[4 * i + 2]} << 8 | piece_[4 * i + 3];
    }
    for (size_t i = 16; i < 64; ++i) {
      const uint32_t a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ (a >> 3)) + w[i - 7] +
             (std::rotr(b, 17) ^ std::rotr(b, 19) ^ (b >> 10));
    }
    uint32_t v[8];
    std::memcpy(v, hash_, sizeof v);
    for (size_t i = 0; i < 64; ++i) {
      const uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
      const uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
      const uint32_t t1 = v[7] + s1 + choice + kRounds[i] + w[i];
      const uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
      const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
      std::rotate(v, v + 7, v + 8);
      v[4] += t1;
      v[0] = t1 + s0 + majority;
    }
    for (size_t i = 0; i < 8; ++i) hash_[i] += v[i];
    filled_ = 0;
  }

  // Fractional parts of the square roots of the first 8 primes.
  uint32_t hash_[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t piece_[kPieceBytes] = {};
  size_t filled_ = 0;
  uint64_t total_bytes_ = 0;
};

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

Digest Sha256(std::span<const uint8_t> data) {
  Sha256State state;
  state.Add(data);
  return state.Finish();
}

Digest KeyedDigest(std::string_view key, std::span<const uint8_t> data) {
  uint8_t padded[kPieceBytes] = {};
  if (key.size() > kPieceBytes) {
    const Digest shorter = Sha256(Bytes(key));
    std::memcpy(padded, shorter.data(), shorter.size());
  } else if (!key.empty()) {
    std::memcpy(padded, key.data(), key.size());
  }
  for (uint8_t& b : padded) b ^= 0x36;
  Sha256State inner;
  inner.Add(padded);
  inner.Add(data);
  const Digest inside = inner.Finish();
  for (uint8_t& b : padded) b ^= 0x36 ^ 0x5c;
  Sha256State outer;
  outer.Add(padded);
  outer.Add(inside);
  return outer.Finish();
}

bool SameDigest(const Digest& a, const Digest& b) {
  uint8_t differences = 0;
  for (size_t i = 0; i < a.size(); ++i) differences |= static_cast<uint8_t>(a[i] ^ b[i]);
  return differences == 0;
}

}  // namespace storpool
