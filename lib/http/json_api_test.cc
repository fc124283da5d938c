// Requests as StorPool's clients send them, over the real leader in memory: what they are answered.
#include "lib/http/json_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::http {
namespace {

using ::testing::HasSubstr;

class JsonApiTest : public testing::Test {
 protected:
  JsonApiTest()
      : admin_((cluster_.Standard(), cluster_.AddClient(1), cluster_.leader()),
               cluster_.reactor.clock(), api::Admin::Self{"here", "0.1.0"}),
        api_(cluster_.reactor, admin_, [this] { return Generation(); },
             {"secret token", "local.one"}) {
    cluster_.Run(Duration::Seconds(5));
  }

  uint64_t Generation() { return cluster_.state().cluster().generation(); }

  Response Send(Method method, const std::string& query, const std::string& body = "") {
    std::optional<Response> response;
    const auto caller = std::make_shared<const bool>();
    api_.Handle({{method, "/ctrl/1.0/" + query, ""}, body, caller},
                [&response](MakeResponse make) { response = make(); });
    for (int turn = 0; turn < 100 && !response; ++turn) cluster_.Run(Duration::Millis(100));
    EXPECT_TRUE(response.has_value()) << query << " is not answered";
    return response.value_or(Response{0, "{}"});
  }
  // The data of an answer that must be good.
  Json Data(Method method, const std::string& query, const std::string& body = "") {
    const Response response = Send(method, query, body);
    const Json json = *json::ParseJson(response.body);
    EXPECT_EQ(response.status, 200u) << response.body;
    EXPECT_TRUE(json.contains("generation") && !json.contains("error")) << response.body;
    return json.value("data", Json());
  }
  Json Get(const std::string& query) { return Data(Method::kGet, query); }
  Json Post(const std::string& query, const std::string& body = "") {
    return Data(Method::kPost, query, body);
  }
  // The error of an answer that must be bad.
  Json Error(Method method, const std::string& query, const std::string& body = "") {
    const Response response = Send(method, query, body);
    EXPECT_NE(response.status, 200u);
    return json::ParseJson(response.body)->value("error", Json::object());
  }
  void ExpectError(const std::string& name, Method method, const std::string& query,
                   const std::string& body = "") {
    const Json error = Error(method, query, body);
    EXPECT_EQ(error.value("name", ""), name) << query << " " << body << ": " << error.dump();
    EXPECT_NE(error.value("descr", ""), "") << query;
    EXPECT_EQ(error.value("transient", true), false) << query;
  }

  metadata::FakeCluster cluster_;
  api::Admin admin_;
  JsonApi api_;
};

TEST_F(JsonApiTest, ACallWhoseCallerGoesWaitsForNothing) {
  cluster_.AddClient(2);
  cluster_.client(2).Kill(true);
  Post("VolumeCreate", R"({"name":"v","size":1048576,"replication":3,"placeAll":"default"})");
  auto caller = std::make_shared<const bool>();
  bool answered = false;
  api_.Handle({{Method::kPost, "/ctrl/1.0/VolumesReassignWait", ""},
               R"({"reassign":[{"volume":"v","rw":[2]}]})",
               caller},
              [&](MakeResponse) { answered = true; });
  cluster_.Run(Duration::Seconds(5));
  EXPECT_FALSE(answered);
  caller.reset();
  cluster_.Run(Duration::Seconds(1));
  EXPECT_TRUE(answered);
}

TEST_F(JsonApiTest, OnlyTheTokenIsAdmitted) {
  Head head{Method::kGet, "/ctrl/1.0/DisksList", "Storpool v1:secret token"};
  EXPECT_FALSE(api_.Admit(head).has_value());
  for (const char* wrong :
       {"", "Storpool v1:", "Storpool v1:secret toke", "Storpool v1:secret tokeN",
        "storpool v1:secret token", "Basic c2VjcmV0IHRva2Vu", "secret token"}) {
    head.authorization = wrong;
    ASSERT_TRUE(api_.Admit(head).has_value()) << wrong;
    EXPECT_EQ(api_.Admit(head)->status, 401u);
    EXPECT_THAT(api_.Admit(head)->body, HasSubstr("\"unauthorized\""));
  }
  head = {Method::kOther, "/ctrl/1.0/DisksList", "Storpool v1:secret token"};
  EXPECT_EQ(api_.Admit(head)->status, 405u);
}

TEST_F(JsonApiTest, DisksAreThereByIdAndWhole) {
  const Json disks = Get("DisksList");
  ASSERT_EQ(disks.size(), 3u);
  const Json& disk = disks.at("10");
  EXPECT_EQ(disk.at("id"), 10);
  EXPECT_EQ(disk.at("generationLeft"), -1);
  for (const char* field : {"serverId",
                            "ssd",
                            "model",
                            "serial",
                            "description",
                            "softEject",
                            "sectorsCount",
                            "empty",
                            "noFua",
                            "noFlush",
                            "noTrim",
                            "isWbc",
                            "journaled",
                            "device",
                            "agCount",
                            "agAllocated",
                            "agFree",
                            "entriesCount",
                            "entriesAllocated",
                            "entriesFree",
                            "objectsCount",
                            "objectsAllocated",
                            "objectsFree",
                            "objectsOnDiskSize",
                            "scrubbingStartedBefore",
                            "scrubbedBytes",
                            "scrubbingBW",
                            "scrubbingFinishAfter",
                            "scrubbingPausedFor",
                            "scrubbingPaused",
                            "lastScrubCompleted"}) {
    EXPECT_TRUE(disk.contains(field)) << field;
  }
  EXPECT_EQ(Get("ServerDisksList/2").size(), 1u);
}

TEST_F(JsonApiTest, ADiskThatIsDownIsNotShownAsUp) {
  cluster_.node(2).Kill(true);
  cluster_.Run(Duration::Seconds(10));
  const Json disk = Get("DisksList").at("20");
  EXPECT_GE(disk.at("generationLeft"), 0);
  EXPECT_FALSE(disk.contains("sectorsCount"));
}

TEST_F(JsonApiTest, AVolumeLives) {
  const Json created = Post("VolumeCreate", R"({"name":"db1","size":1073741824,"template":"t"})");
  EXPECT_EQ(created.at("ok"), true);
  EXPECT_EQ(created.at("name"), "db1");
  const std::string id = created.at("globalId");
  for (const std::string& name : {std::string("db1"), "~" + id}) {
    const Json one = Get("Volume/" + name);
    ASSERT_EQ(one.size(), 1u);
    EXPECT_EQ(one[0].at("globalId"), id);
    EXPECT_EQ(one[0].at("size"), 1073741824);
    EXPECT_EQ(one[0].at("objectsCount"), 32);
    EXPECT_EQ(one[0].at("iops"), "-");
    EXPECT_EQ(one[0].at("parentName"), "");
    EXPECT_FALSE(one[0].contains("clusterId"));
  }
  EXPECT_EQ(Get("MultiCluster/VolumesList")[0].at("clusterId"), "local.one");
  EXPECT_EQ(Post("MultiCluster/VolumeDelete/~" + id, "{}").at("ok"), true);
  EXPECT_EQ(Get("VolumesList").size(), 0u);
}

TEST_F(JsonApiTest, ACallThatReadsNoFieldsKnowsNone) {
  for (const char* call :
       {"SnapshotDelete/s", "SnapshotDeleteById/a.b.1", "DiskForget/10", "DiskEject/10",
        "DiskSoftEject/10", "DiskSoftEjectPause/10", "DiskSoftEjectCancel/10",
        "VolumeTemplateDelete/t", "PlacementGroupDelete/default", "KV/Create/b", "KV/Delete/b"}) {
    ExpectError("invalidParam", Method::kPost, call, R"({"nonsense":1})");
    ExpectError("invalidParam", Method::kPost, call, R"([1])");
  }
  EXPECT_EQ(Post("KV/Create/b", "{}").at("ok"), true);
  EXPECT_EQ(Post("KV/Delete/b", "null").at("ok"), true);
  EXPECT_EQ(Get("VolumeTemplatesList").size(), 1u);
}

TEST_F(JsonApiTest, DeletingDetachesOnlyWhatIsThenDeleted) {
  Post("VolumeCreate", R"({"name":"v","size":1073741824,"template":"t"})");
  Post("VolumeSnapshot/v", R"({"name":"s"})");
  Post("VolumesReassignWait", R"([{"snapshot":"s","ro":[1]},{"volume":"v","rw":[1]}])");
  ASSERT_EQ(Get("AttachmentsList").size(), 2u);
  ExpectError("objectDoesNotExist", Method::kPost, "VolumeDelete/s",
              R"({"onAttached":"detachForce"})");
  ExpectError("busy", Method::kPost, "VolumeDelete/v", R"({"onAttached":"fail"})");
  EXPECT_EQ(Get("AttachmentsList").size(), 2u);
  EXPECT_EQ(Post("VolumeDelete/v", R"({"onAttached":"detach"})").at("ok"), true);
  const Json left = Get("AttachmentsList");
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].at("snapshot"), true);
  Post("VolumesReassignWait", R"([{"snapshot":"s","detach":"all"}])");
  Post("VolumeCreate", R"({"name":"idle","size":1073741824,"template":"t"})");
  EXPECT_EQ(Post("VolumeDelete/idle", R"({"onAttached":"detachForce"})").at("ok"), true);
}

TEST_F(JsonApiTest, AllClustersIsAListOfThisOne) {
  const Json clusters = Get("MultiCluster/AllClusters/VolumesList").at("clusters");
  ASSERT_EQ(clusters.size(), 1u);
  EXPECT_EQ(clusters[0].at("id"), "local.one");
  EXPECT_TRUE(clusters[0].at("response").at("data").is_array());
}

TEST_F(JsonApiTest, ThisClusterIsRemoteToItself) {
  const std::string name = "local.one";
  EXPECT_EQ(Get("RemoteCommand/~" + name + "/DisksList").size(), 3u);
  EXPECT_EQ(Get("RemoteCommand/" + name + "/MultiCluster/VolumesList").size(), 0u);
  // Never "objectDoesNotExist": a client would take that for a volume that is gone.
  ExpectError("invalidParam", Method::kGet, "RemoteCommand/elsewhere/DisksList");
}

TEST_F(JsonApiTest, ServicesAreOfOneClusterStatus) {
  const Json status = Get("ServicesList");
  EXPECT_EQ(status.at("clusterStatus"), "running");
  EXPECT_EQ(status.at("servers").size(), 3u);
  EXPECT_EQ(status.at("servers").at("1").at("status"), "running");
  EXPECT_EQ(status.at("mgmt").at("1").at("active"), true);
  EXPECT_EQ(status.at("clients").size(), 1u);
  EXPECT_EQ(Get("ServersList").at("clients").size(), 0u);
  EXPECT_EQ(Get("NetworkPeersList").at("3").at("beaconStatus"), "NODE_UP");
}

TEST_F(JsonApiTest, AVolumeTooLargeIsNotListedByItsChunks) {
  Post("VolumeCreate", R"({"name":"huge","size":1125899906842624,"template":"t"})");
  ExpectError("invalidParam", Method::kGet, "VolumeDescribe/huge");
  EXPECT_EQ(Get("VolumeGetInfo/huge").at("name"), "huge");
  ExpectError("invalidParam", Method::kPost, "VolumeDelete/hug%FCe");  // no UTF-8
}

TEST_F(JsonApiTest, TemplatesAndGroupsAreMadeAndDescribed) {
  EXPECT_EQ(Post("PlacementGroupUpdate/fast", R"({"addDisks":["10",20]})").at("ok"), true);
  EXPECT_EQ(Get("PlacementGroupDescribe/fast").at("disks"), Json::array({10, 20}));
  EXPECT_EQ(
      Post("VolumeTemplateCreate", R"({"name":"two","replication":2,"placeAll":"fast"})").at("ok"),
      true);
  const Json t = Get("VolumeTemplateDescribe/two");
  EXPECT_EQ(t.at("replication"), 2);
  EXPECT_EQ(t.at("placeTail"), "fast");
  EXPECT_EQ(t.at("size"), "-");
  EXPECT_EQ(Get("VolumeTemplatesList").size(), 2u);
  EXPECT_EQ(Get("VolumeTemplatesStatus")[0].at("stored").at("internal").at("u2"), 0);
  EXPECT_EQ(Post("VolumeTemplateDelete/two").at("ok"), true);
  EXPECT_EQ(Post("PlacementGroupDelete/fast").at("ok"), true);
  ExpectError("objectDoesNotExist", Method::kGet, "VolumeTemplateDescribe/two");
  ExpectError("objectDoesNotExist", Method::kGet, "PlacementGroupDescribe/fast");
}

TEST_F(JsonApiTest, ErrorsHaveStorPoolsNames) {
  Post("VolumeCreate", R"({"name":"db1","size":1073741824,"template":"t"})");
  ExpectError("objectDoesNotExist", Method::kGet, "Volume/missing");
  ExpectError("objectDoesNotExist", Method::kPost, "VolumeDelete/~local.one.999");
  ExpectError("objectExists", Method::kPost, "VolumeCreate",
              R"({"name":"db1","size":1073741824,"template":"t"})");
  ExpectError("unknownCall", Method::kGet, "Nonsense");
  ExpectError("unknownCall", Method::kGet, "DisksList/more");
  ExpectError("notSupported", Method::kPost, "VolumeBackup", R"({"volume":"db1"})");
  EXPECT_EQ(Send(Method::kGet, "Volume/missing").status, 404u);
  EXPECT_EQ(Send(Method::kGet, "iSCSIConfig").status, 501u);
}

TEST_F(JsonApiTest, AVolumeIsNoSnapshotAndASnapshotIsNoVolume) {
  Post("VolumeCreate", R"({"name":"v","size":1073741824,"template":"t"})");
  Post("VolumeSnapshot/v", R"({"name":"s"})");
  for (const char* call : {"Volume/s", "VolumeGetInfo/s", "VolumeDescribe/s",
                           "VolumeListSnapshots/s", "VolumeRelocatorVolumeDisks/s"}) {
    const Json error = Error(Method::kGet, call);
    EXPECT_EQ(error.at("name"), "objectDoesNotExist") << call;
    EXPECT_THAT(error.at("descr").get<std::string>(), HasSubstr("that is a snapshot")) << call;
  }
  for (const char* call : {"Snapshot/v", "SnapshotGetInfo/v", "SnapshotDescribe/v",
                           "VolumeRelocatorSnapshotDisks/v"}) {
    const Json error = Error(Method::kGet, call);
    EXPECT_EQ(error.at("name"), "objectDoesNotExist") << call;
    EXPECT_THAT(error.at("descr").get<std::string>(), HasSubstr("that is a volume")) << call;
  }
  EXPECT_EQ(Get("VolumeRelocatorVolumeDisks/v").size(), 3u);
  EXPECT_EQ(Get("VolumeRelocatorSnapshotDisks/s").size(), 3u);
  EXPECT_THAT(Error(Method::kGet, "Snapshot/missing").at("descr").get<std::string>(),
              HasSubstr("snapshot 'missing' does not exist"));
}

TEST_F(JsonApiTest, AChangeSaysItsGenerationAlsoIfItIsNone) {
  Post("VolumeCreate", R"({"name":"v","size":1073741824,"template":"t"})");
  const Json acquired = Post("VolumeAcquire/v", "{}");
  EXPECT_EQ(acquired.at("ok"), true);
  EXPECT_EQ(acquired.at("generation"), Generation());
}

TEST_F(JsonApiTest, WhatIsNotHereNamesTheWayOut) {
  EXPECT_THAT(Error(Method::kPost, "MaintenanceSet").at("descr").get<std::string>(),
              HasSubstr("stop the node"));
  EXPECT_THAT(Error(Method::kPost, "DiskRetrim/10").at("descr").get<std::string>(),
              HasSubstr("retrimmed"));
  EXPECT_THAT(Error(Method::kGet, "VolumeBalancerStatus").at("descr").get<std::string>(),
              HasSubstr("VolumeRelocatorStatus"));
}

TEST_F(JsonApiTest, BadRequestsAreInvalidParam) {
  for (const char* body : {"",
                           "[]",
                           "5",
                           "\"text\"",
                           "{",
                           "{\"name\":\"a\"",
                           R"({"name":5})",
                           R"({"size":513})",
                           R"({"name":"a","size":0,"template":"t"})",
                           R"({"name":"a","size":-512,"template":"t"})",
                           R"({"name":"a","size":1.5,"template":"t"})",
                           R"({"name":"a","size":"big","template":"t"})",
                           R"({"name":"a","size":18446744073709551616,"template":"t"})",
                           R"({"name":"a","size":512,"template":"t","nonsense":1})",
                           R"({"name":"a","size":512,"template":"t","replication":4})",
                           R"({"name":"a","size":512,"template":"t","iops":"many"})",
                           R"({"name":"a","size":512,"template":"t","tags":["k"]})",
                           R"({"name":"a","size":512,"template":"t","tags":{"k":{}}})",
                           R"({"name":"bad name","size":512,"template":"t"})",
                           R"({"name":"list","size":512,"template":"t"})",
                           "\xff\xfe"}) {
    ExpectError("invalidParam", Method::kPost, "VolumeCreate", body);
  }
  const std::string deep(1000, '[');
  ExpectError("invalidParam", Method::kPost, "VolumeCreate", deep);
  ExpectError("invalidParam", Method::kPost, "VolumeDelete/", "{}");
  ExpectError("invalidParam", Method::kGet, "VolumeDelete/db1");  // GET changes nothing
  ExpectError("invalidParam", Method::kGet, "ServerDisksList/x");
  EXPECT_EQ(Get("VolumesList").size(), 0u);
}

// "get /Volume/{}" of every path and method in docs/openapi.yaml.
std::set<std::string> Described() {
  static const std::regex path_line("  (/\\S+):"), method_line("    (get|post):"),
      parameter("\\{\\w+\\}");
  std::set<std::string> described;
  std::ifstream file("docs/openapi.yaml");
  std::string line, path;
  std::smatch match;
  while (std::getline(file, line)) {
    if (std::regex_match(line, match, path_line)) {
      path = std::regex_replace(match[1].str(), parameter, "{}");
    } else if (std::regex_match(line, match, method_line)) {
      described.insert(match[1].str() + " " + path);
    }
  }
  return described;
}

TEST_F(JsonApiTest, TheDescriptionHasExactlyTheCallsThatAreServed) {
  std::set<std::string> served;
  for (const Call& call : AllCalls()) {
    std::string key =
        absl::StrCat(call.method == Method::kGet ? "get /" : "post /", std::string(call.name));
    for (int i = 0; i < call.arguments; ++i) key += "/{}";
    EXPECT_TRUE(served.insert(key).second) << key << " is there twice";
  }
  EXPECT_EQ(served, Described());
}

}  // namespace
}  // namespace storpool::http
