#include "lib/embed/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "lib/env/posix/posix_entropy.h"

namespace storpool::embed {
namespace {

using ::testing::HasSubstr;

class TokenFile : public ::testing::Test {
 protected:
  std::string Folder(const char* name) {
    const std::string folder = testing::TempDir() + "/" + name;
    mkdir(folder.c_str(), 0700);
    return folder;
  }
  void Hold(const std::string& folder, const std::string& text, mode_t mode = 0600) {
    std::ofstream(TokenFilePath(folder)) << text;
    chmod(TokenFilePath(folder).c_str(), mode);
  }
  env::PosixEntropy entropy_;
};

TEST_F(TokenFile, IsMadeOnceAndForItsOwnerOnly) {
  const std::string folder = Folder("made");
  const absl::StatusOr<std::string> token = TakeToken(folder, entropy_);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->size(), 32);
  struct stat stat;
  ASSERT_EQ(::stat(TokenFilePath(folder).c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0600);
  EXPECT_EQ(*TakeToken(folder, entropy_), *token);
  EXPECT_NE(*TakeToken(Folder("another"), entropy_), *token);
}

TEST_F(TokenFile, OfTheOperatorIsTaken) {
  const std::string folder = Folder("operator");
  Hold(folder, "1556129910218014736\n");
  EXPECT_EQ(*TakeToken(folder, entropy_), "1556129910218014736");
}

TEST_F(TokenFile, ThatOthersMayReadIsRefused) {
  const std::string folder = Folder("open");
  Hold(folder, "1556129910218014736\n", 0644);
  EXPECT_THAT(TakeToken(folder, entropy_).status().message(), HasSubstr("chmod 600"));
}

TEST_F(TokenFile, WithoutATokenIsRefused) {
  const std::string folder = Folder("bad");
  for (const std::string text : {"", "short\n", "two words of a token\n"}) {
    Hold(folder, text);
    EXPECT_THAT(TakeToken(folder, entropy_).status().message(), HasSubstr("holds no token"));
  }
  Hold(folder, std::string(300, 'x'));
  EXPECT_FALSE(TakeToken(folder, entropy_).ok());
}

TEST_F(TokenFile, NeedsItsFolder) {
  EXPECT_FALSE(TakeToken(testing::TempDir() + "/nowhere", entropy_).ok());
}

}  // namespace
}  // namespace storpool::embed
