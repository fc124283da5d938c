#include "lib/embed/private_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace storpool::embed {
namespace {

class PrivateFileTest : public testing::Test {
 protected:
  PrivateFileTest() : folder_(testing::TempDir() + "/private." + std::to_string(getpid())) {
    std::filesystem::create_directory(folder_);
  }
  ~PrivateFileTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/secret"; }
  std::string Content() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  bool IsFolderEmpty() const { return std::filesystem::is_empty(folder_); }

  const std::string folder_;
};

TEST_F(PrivateFileTest, IsThereWholeWhenItIsFinished) {
  const mode_t before = umask(0);
  auto file = PrivateFile::Begin(path());
  umask(before);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Write("one ").ok());
  ASSERT_TRUE((*file)->Write("two").ok());
  EXPECT_FALSE(std::filesystem::exists(path()));
  ASSERT_TRUE((*file)->Finish().ok());
  EXPECT_EQ(Content(), "one two");
  struct stat stat = {};
  ASSERT_EQ(::stat(path().c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0600u);
  file->reset();
  EXPECT_EQ(Content(), "one two");
}

TEST_F(PrivateFileTest, LeavesNothingUnlessItIsFinished) {
  auto file = PrivateFile::Begin(path());
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Write("half").ok());
  file->reset();
  EXPECT_TRUE(IsFolderEmpty());
}

TEST_F(PrivateFileTest, TakesNothingOverFromAnEarlierTry) {
  const std::string left = path() + ".unfinished";
  std::ofstream(left) << "left";
  std::ifstream others(left);  // whoever has this open sees nothing of what comes
  auto file = PrivateFile::Begin(path());
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Write("secret").ok());
  ASSERT_TRUE((*file)->Finish().ok());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(others), {}), "left");
  EXPECT_EQ(Content(), "secret");
}

TEST_F(PrivateFileTest, ErrorsNameTheFile) {
  const absl::Status status = PrivateFile::Begin(folder_ + "/nowhere/secret").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_NE(status.message().find(folder_ + "/nowhere/secret: cannot make"), std::string::npos)
      << status;
}

}  // namespace
}  // namespace storpool::embed
