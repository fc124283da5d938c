// Calls about placement groups, fault sets and templates.
#include "lib/http/calls.h"
#include "lib/json/placement.h"
#include "lib/json/placement_requests.h"
#include "lib/json/services.h"

namespace storpool::http {
namespace {

absl::StatusOr<Run> Groups(const Input&) {
  return Ask<PlacementGroupListAnswer>(
      PlacementGroupListRequest(),
      [](const PlacementGroupListAnswer& answer) { return json::JsonOf(answer); });
}

absl::StatusOr<Run> Group(const Input& input) {
  return Ask<PlacementGroupListAnswer>(
      Named<PlacementGroupListRequest>(input), [](const PlacementGroupListAnswer& answer) {
        return answer.groups().empty() ? Json() : json::JsonOf(answer.groups(0));
      });
}

absl::StatusOr<Run> GroupUpdate(const Input& input) {
  return Change(json::ReadPlacementGroupUpdate(input.arguments[0], input.body));
}

absl::StatusOr<Run> GroupDelete(const Input& input) {
  return Change(Named<PlacementGroupDeleteRequest>(input));
}

absl::StatusOr<Run> Templates(const Input&) {
  return Ask<TemplateListAnswer>(TemplateListRequest(), [](const TemplateListAnswer& answer) {
    Json json = Json::array();
    for (const TemplateInfo& info : answer.templates()) json.push_back(json::JsonOf(info));
    return json;
  });
}

absl::StatusOr<Run> OneTemplate(const Input& input) {
  return Ask<TemplateListAnswer>(
      Named<TemplateListRequest>(input), [](const TemplateListAnswer& answer) {
        return answer.templates().empty() ? Json() : json::JsonOf(answer.templates(0));
      });
}

absl::StatusOr<Run> TemplatesStatus(const Input&) {
  return Ask<TemplateListAnswer>(TemplateListRequest(), [](const TemplateListAnswer& answer) {
    Json json = Json::array();
    for (const TemplateInfo& info : answer.templates()) {
      json.push_back(json::TemplateStatus(info));
    }
    return json;
  });
}

absl::StatusOr<Run> TemplateCreate(const Input& input) {
  return Change(json::ReadTemplateCreate(input.body));
}
absl::StatusOr<Run> TemplateUpdate(const Input& input) {
  return Change(json::ReadTemplateUpdate(input.arguments[0], input.body));
}

absl::StatusOr<Run> TemplateDelete(const Input& input) {
  return Change(Named<TemplateDeleteRequest>(input));
}

absl::StatusOr<Run> FaultSets(const Input&) {
  return Ask<ServiceListAnswer>(ServiceListRequest(), json::FaultSets);
}

}  // namespace

std::vector<Call> PlacementCalls() {
  return {
      {Method::kGet, "FaultSetsList", 0, FaultSets},
      {Method::kPost, "PlacementGroupDelete", 1, GroupDelete, Body::kNone},
      {Method::kGet, "PlacementGroupDescribe", 1, Group},
      {Method::kPost, "PlacementGroupUpdate", 1, GroupUpdate},
      {Method::kGet, "PlacementGroupsList", 0, Groups},
      {Method::kPost, "VolumeTemplateCreate", 0, TemplateCreate},
      {Method::kPost, "VolumeTemplateDelete", 1, TemplateDelete, Body::kNone},
      {Method::kGet, "VolumeTemplateDescribe", 1, OneTemplate},
      {Method::kPost, "VolumeTemplateUpdate", 1, TemplateUpdate},
      {Method::kGet, "VolumeTemplatesList", 0, Templates},
      {Method::kGet, "VolumeTemplatesStatus", 0, TemplatesStatus},
  };
}

}  // namespace storpool::http
