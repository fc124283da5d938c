// Requests read from JSON: what StorPool's clients send is understood, what is wrong is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/api_limits.h"
#include "lib/json/attachment_requests.h"
#include "lib/json/disks.h"
#include "lib/json/placement_requests.h"
#include "lib/json/volume_requests.h"

namespace storpool::json {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Json Of(std::string_view text) { return *ParseJson(text); }

template <class Request>
void ExpectWrong(const absl::StatusOr<Request>& request, const std::string& field) {
  ASSERT_FALSE(request.ok()) << field;
  EXPECT_TRUE(absl::IsInvalidArgument(request.status()));
  EXPECT_THAT(std::string(request.status().message()), HasSubstr(field));
}

TEST(ParseJson, IsStrictAndBounded) {
  EXPECT_EQ(Of("{\"a\":[1,\"[[[[\\\"[\"]}")["a"].size(), 2u);
  EXPECT_TRUE(ParseJson(std::string(32, '[') + std::string(32, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(33, '[') + std::string(33, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(1 << 20, '[')).ok());
  for (const char* bad : {"", "{", "{'a':1}", "nonsense", "{\"a\":1}x", "\"\xff\"", "[1,]"}) {
    EXPECT_FALSE(ParseJson(bad).ok()) << bad;
  }
}

// An object of `keys` keys, as deep as `in` says.
std::string WithKeys(size_t keys, const std::string& in) {
  std::string text = in + "{";
  for (size_t i = 0; i < keys; ++i) text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  return text + "}" + (in.empty() ? "" : "]");
}

TEST(ParseJson, BoundsTheKeysOfAnObject) {
  EXPECT_EQ(Of(WithKeys(kJsonKeysMax, "")).size(), kJsonKeysMax);
  EXPECT_FALSE(ParseJson(WithKeys(kJsonKeysMax + 1, "")).ok());
  EXPECT_TRUE(ParseJson(WithKeys(kJsonKeysMax, "[{\"a\":{}},")).ok());
  EXPECT_FALSE(ParseJson(WithKeys(kJsonKeysMax + 1, "[{\"a\":{}},")).ok());
  std::string many = "[";  // keys of several objects are not those of one
  for (size_t i = 0; i <= kJsonKeysMax; ++i) many += "{\"a:::\":\"::\"},";
  EXPECT_TRUE(ParseJson(many + "0]").ok());
}

TEST(DiskDescription, IsClearedByAnEmptyOneOnly) {
  EXPECT_EQ(ReadDiskDescription(7, Of(R"({"description":"bay 7"})"))->description(), "bay 7");
  EXPECT_EQ(ReadDiskDescription(7, Of(R"({"description":""})"))->description(), "");
  ExpectWrong(ReadDiskDescription(7, Of("{}")), "description is missing");
  ExpectWrong(ReadDiskDescription(7, Json()), "description is missing");
  ExpectWrong(ReadDiskDescription(7, Of(R"({"description":5})")), "description");
}

TEST(VolumeCreate, TakesWhatClientsSend) {
  const auto request = ReadVolumeCreate(
      Of(R"({"name":"a","size":"1073741824","template":"t","parent":"~a.b.1","iops":"-","bw":51200,
             "limitType":"perGiB","replication":3,"reuseServer":null,"tags":{"k":"v","n":5}})"));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->size_bytes(), 1073741824u);
  EXPECT_EQ(request->limits().bandwidth_bytes(), 51200u * 1024);
  EXPECT_TRUE(request->limits().has_iops() && request->limits().iops() == 0);
  EXPECT_TRUE(request->limits().per_gib());
  EXPECT_EQ(request->tags(1).value(), "5");
  EXPECT_TRUE(ReadVolumeCreate(Of(R"({"parent":"~a.b.1","tags":""})"))->tags().empty());
  EXPECT_FALSE(ReadVolumeCreate(Of(R"({"name":""})"))->has_limits());
  EXPECT_EQ(ReadVolumeCreate(Of(R"({"size":1e6})")).status().code(),
            absl::StatusCode::kInvalidArgument);  // a whole number, but not of sectors
  EXPECT_EQ(ReadVolumeCreate(Of(R"({"size":1.024e3})"))->size_bytes(), 1024u);
}

TEST(VolumeCreate, NamesTheFieldThatIsWrong) {
  ExpectWrong(ReadVolumeCreate(Of("[]")), "object");
  ExpectWrong(ReadVolumeCreate(Of(R"({"nam":"a"})")), "nam");
  ExpectWrong(ReadVolumeCreate(Of(R"({"name":5})")), "name");
  ExpectWrong(ReadVolumeCreate(Of(R"({"size":511})")), "size");
  ExpectWrong(ReadVolumeCreate(Of(R"({"size":-512})")), "size");
  ExpectWrong(ReadVolumeCreate(Of(R"({"size":1125899906843136})")), "size");
  ExpectWrong(ReadVolumeCreate(Of(R"({"size":1e300})")), "size");
  ExpectWrong(ReadVolumeCreate(Of(R"({"replication":0})")), "replication");
  ExpectWrong(ReadVolumeCreate(Of(R"({"iops":"fast"})")), "iops");
  ExpectWrong(ReadVolumeCreate(Of(R"({"limitType":"each"})")), "limitType");
  ExpectWrong(ReadVolumeCreate(Of(R"({"reuseServer":"yes"})")), "reuseServer");
  ExpectWrong(ReadVolumeCreate(Of(R"({"tags":["a"]})")), "tags");
  ExpectWrong(ReadVolumeCreate(Of(R"({"tags":{"a":{}}})")), "tags");
}

TEST(VolumeUpdate, SetsOnlyWhatIsThere) {
  const auto request = ReadVolumeUpdate("v", Of(R"({"sizeAdd":512,"tags":{"k":""}})"));
  ASSERT_TRUE(request.ok());
  EXPECT_FALSE(request->has_rename() || request->has_size_bytes() || request->has_limits());
  EXPECT_EQ(request->size_add_bytes(), 512u);
  EXPECT_EQ(request->tags(0).value(), "");
  const auto snapshot = ReadSnapshotUpdate("s", Of(R"({"bind":false,"deleteAfter":0})"));
  EXPECT_TRUE(snapshot->snapshot() && snapshot->has_bind() && !snapshot->bind());
  EXPECT_TRUE(snapshot->has_delete_after_seconds() && !snapshot->has_delete_at_seconds());
}

TEST(Snapshots, OfOneAndOfMany) {
  EXPECT_EQ(ReadVolumeSnapshot("v", Json())->volumes(0).volume(), "v");
  const auto group = ReadGroupSnapshot(
      Of(R"({"volumes":[{"volume":"a","name":"s","tags":{"k":"v"}},{"volume":"b"}],"tags":""})"));
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_TRUE(group->group());
  EXPECT_EQ(group->volumes(0).tags(0).name(), "k");
  ExpectWrong(ReadGroupSnapshot(Of(R"({"volumes":[]})")), "volumes");
  ExpectWrong(ReadGroupSnapshot(Of(R"({"volumes":[{"name":"s"}]})")), "volume");
  ExpectWrong(ReadGroupSnapshot(Of(R"({"volumes":[{"volume":"a","x":1}]})")), "x");
}

TEST(Volumes, RevertFreezeRebaseDelete) {
  EXPECT_EQ(ReadVolumeRevert("v", Of(R"({"toSnapshot":"~a.b.2","revertSize":1})"))->to_snapshot(),
            "~a.b.2");
  ExpectWrong(ReadVolumeRevert("v", Of("{}")), "toSnapshot");
  EXPECT_TRUE(ReadVolumeFreeze("v", Json()).ok());
  EXPECT_EQ(ReadRebase("v", false, Of("{}"))->parent(), "");
  EXPECT_EQ(*ReadDelete(Json()), OnAttached::kFail);
  EXPECT_EQ(*ReadDelete(Of(R"({"onAttached":"detachForce"})")), OnAttached::kDetachForce);
  ExpectWrong(ReadDelete(Of(R"({"onAttached":"burn"})")), "onAttached");
}

TEST(Reassign, TakesArraysObjectsAndTextIds) {
  const auto bare = ReadReassign(
      Of(R"([{"volume":"~a.b.1","rw":["12",13],"ro":null,"detach":"all","force":false}])"), true);
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_THAT(bare->entries(0).rw(), ElementsAre(12, 13));
  EXPECT_TRUE(bare->entries(0).detach_all() && bare->wait() && !bare->has_timeout_seconds());
  const auto object = ReadReassign(
      Of(R"({"reassign":[{"snapshot":"s","ro":[1],"mcMode":"export"}],"attachTimeout":0})"), true);
  EXPECT_TRUE(object->entries(0).snapshot() && object->has_timeout_seconds());
  ExpectWrong(ReadReassign(Of("[]"), false), "reassign");
  ExpectWrong(ReadReassign(Of(R"([{"rw":[1]}])"), false), "volume");
  ExpectWrong(ReadReassign(Of(R"([{"volume":"a","snapshot":"a"}])"), false), "volume");
  ExpectWrong(ReadReassign(Of(R"([{"volume":"a","rw":[0]}])"), false), "rw");
  ExpectWrong(ReadReassign(Of(R"([{"volume":"a","rw":[4096]}])"), false), "rw");
  ExpectWrong(ReadReassign(Of(R"([{"volume":"a","detach":"some"}])"), false), "detach");
}

TEST(Placement, GroupsAndTemplates) {
  const auto group = ReadPlacementGroupUpdate("g", Of(R"({"addDisks":["101"],"rmDisks":[0]})"));
  EXPECT_THAT(group->add_disks(), ElementsAre(101));
  ExpectWrong(ReadPlacementGroupUpdate("g", Of(R"({"addDisks":[4096]})")), "addDisks");
  const auto made = ReadTemplateCreate(Of(R"({"name":"t","replication":2,"placeTail":"ssd"})"));
  EXPECT_EQ(made->place_tail(), "ssd");
  const auto changed = ReadTemplateUpdate("t", Of(R"({"propagate":true,"iops":1000})"));
  EXPECT_TRUE(changed->propagate() && !changed->has_replication());
  EXPECT_EQ(changed->limits().iops(), 1000u);
}

}  // namespace
}  // namespace storpool::json
