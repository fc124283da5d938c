#include "lib/http/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storpool::http {
namespace {

using ::testing::ElementsAre;

Path Parsed(std::string_view target) {
  const absl::StatusOr<Path> path = ParsePath(target);
  EXPECT_TRUE(path.ok()) << target << ": " << path.status();
  return path.value_or(Path{});
}

TEST(ParsePath, FindsQueryAndArguments) {
  EXPECT_THAT(Parsed("/ctrl/1.0/DisksList").words, ElementsAre("DisksList"));
  EXPECT_THAT(Parsed("/ctrl/1.0/Volume/~a.b.1").words, ElementsAre("Volume", "~a.b.1"));
  EXPECT_THAT(Parsed("/ctrl/1.0/Volume/").words, ElementsAre("Volume", ""));
  EXPECT_THAT(Parsed("/ctrl/1.0/KV/Get/b/k").words, ElementsAre("KV", "Get", "b", "k"));
  EXPECT_THAT(Parsed("/ctrl/1.0/Snapshot/a%40b%2Fc").words, ElementsAre("Snapshot", "a@b/c"));
}

TEST(ParsePath, TakesThePrefixesOff) {
  const Path path = Parsed("/ctrl/1.0/RemoteCommand/~a.b/MultiCluster/AllClusters/VolumesSpace");
  EXPECT_EQ(path.remote_cluster, "~a.b");
  EXPECT_TRUE(path.multi_cluster && path.all_clusters);
  EXPECT_THAT(path.words, ElementsAre("VolumesSpace"));
  const Path plain = Parsed("/ctrl/1.0/VolumesSpace");
  EXPECT_TRUE(plain.remote_cluster.empty() && !plain.multi_cluster && !plain.all_clusters);
  // A name, not a prefix.
  EXPECT_THAT(Parsed("/ctrl/1.0/Volume/MultiCluster").words, ElementsAre("Volume", "MultiCluster"));
}

TEST(ParsePath, FindsTheJsonOfTheQuery) {
  EXPECT_EQ(Parsed("/ctrl/1.0/A?json=%7B%22a%22%3A1%7D").json, "{\"a\":1}");
  EXPECT_EQ(Parsed("/ctrl/1.0/A?x=1&json=%5B%5D&y").json, "[]");
  EXPECT_EQ(Parsed("/ctrl/1.0/A?jso=1").json, "");
}

TEST(ParsePath, RefusesTheRest) {
  for (const char* elsewhere : {"", "/", "/ctrl/1.0", "/ctrl/2.0/DisksList", "DisksList"}) {
    EXPECT_TRUE(absl::IsNotFound(ParsePath(elsewhere).status())) << elsewhere;
  }
  for (const char* bad :
       {"/ctrl/1.0/", "/ctrl/1.0//", "/ctrl/1.0/?json=1", "/ctrl/1.0/Volume/%4",
        "/ctrl/1.0/Volume/%zz", "/ctrl/1.0/Volume/%00", "/ctrl/1.0/A?json=%", "/ctrl/1.0/%",
        "/ctrl/1.0/RemoteCommand//A", "/ctrl/1.0/RemoteCommand/a", "/ctrl/1.0/MultiCluster/"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePath(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace storpool::http
