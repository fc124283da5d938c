#include "lib/base/digest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace storpool {
namespace {

std::string Hex(const Digest& digest) {
  std::string text;
  for (uint8_t byte : digest) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string Of(std::string_view text) {
  Sha256 hash;
  hash.Add(text);
  return Hex(hash.Finish());
}

TEST(DigestTest, Sha256OfThePublishedExamples) {
  EXPECT_EQ(Of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Of(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(DigestTest, PiecesGiveTheSameAsTheWhole) {
  const std::string text(300, 'x');
  for (size_t cut = 0; cut <= text.size(); cut += 13) {
    Sha256 hash;
    hash.Add(std::string_view(text).substr(0, cut));
    hash.Add(std::string_view(text).substr(cut));
    EXPECT_EQ(Hex(hash.Finish()), Of(text));
  }
}

TEST(DigestTest, KeyedDigestOfRfc4231) {
  const std::vector<uint8_t> key1(20, 0x0b);
  EXPECT_EQ(Hex(KeyedDigest(key1, "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  const std::vector<uint8_t> key6(131, 0xaa);
  EXPECT_EQ(Hex(KeyedDigest(key6, "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(DigestTest, AProofHoldsForItsSecretAndNonceOnly) {
  const Digest key = SecretKey("s3cret");
  const Digest proof = ProofOf(key, "nonce");
  EXPECT_TRUE(EqualDigests(proof, ProofOf(SecretKey("s3cret"), "nonce")));
  EXPECT_FALSE(EqualDigests(proof, ProofOf(SecretKey("s3creT"), "nonce")));
  EXPECT_FALSE(EqualDigests(proof, ProofOf(key, "nonce2")));
  EXPECT_FALSE(EqualDigests(proof, {}));
}

}  // namespace
}  // namespace storpool
