#include "lib/embed/cluster_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "lib/env/posix/posix_entropy.h"

namespace storpool::embed {
namespace {

std::string PathOf(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  unlink(path.c_str());
  return path;
}

TEST(ClusterFile, IsReadBackAsItWasMade) {
  env::PosixEntropy entropy;
  const std::string path = PathOf("made");
  const absl::StatusOr<ClusterFile> made = CreateClusterFile(path, "sofia.one", entropy);
  ASSERT_TRUE(made.ok()) << made.status();
  const absl::StatusOr<ClusterFile> read = LoadClusterFile(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->uuid, made->uuid);
  EXPECT_EQ(read->name, "sofia.one");
  EXPECT_EQ(read->secret, made->secret);
  EXPECT_EQ(read->secret.size(), 32u);
  struct stat stat;
  ASSERT_EQ(::stat(path.c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0600u);
}

TEST(ClusterFile, IsNeverOverwritten) {
  env::PosixEntropy entropy;
  const std::string path = PathOf("twice");
  ASSERT_TRUE(CreateClusterFile(path, "sofia.one", entropy).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(CreateClusterFile(path, "sofia.one", entropy).status()));
}

TEST(ClusterFile, OthersMayNotReadIt) {
  env::PosixEntropy entropy;
  const std::string path = PathOf("open");
  ASSERT_TRUE(CreateClusterFile(path, "sofia.one", entropy).ok());
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(LoadClusterFile(path).status()));
}

TEST(ClusterFile, SaysWhatIsMissing) {
  const absl::Status none = LoadClusterFile(PathOf("none")).status();
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_NE(none.message().find("metadata init"), absl::string_view::npos) << none;
}

TEST(ClusterFile, NamesTheLineThatIsWrong) {
  const ClusterFile good{.uuid = {1, 2}, .name = "a.b", .secret = std::string(32, 's')};
  const std::string text = FormatClusterFile(good);
  ASSERT_TRUE(ParseClusterFile(text, "f").ok());
  EXPECT_EQ(text.substr(0, 45), "cluster 01020000-0000-0000-0000-000000000000\n");

  const absl::Status bad = ParseClusterFile(text + "colour red\n", "f").status();
  EXPECT_NE(bad.message().find("line 4"), absl::string_view::npos) << bad;
  EXPECT_FALSE(ParseClusterFile(text.substr(0, text.size() - 3), "f").ok());  // half a secret
  EXPECT_FALSE(ParseClusterFile(text.substr(45), "f").ok());                  // no uuid
  EXPECT_FALSE(ParseClusterFile("", "f").ok());
}

}  // namespace
}  // namespace storpool::embed
