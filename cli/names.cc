#include "cli/names.h"

#include "absl/strings/str_cat.h"

namespace storpool::cli {
namespace {

// Whoever presses a key does not wait longer.
constexpr int64_t kNamesSeconds = 2;

std::vector<std::string> VolumeNames(const absl::StatusOr<VolumeListAnswer>& answer) {
  std::vector<std::string> names;
  if (!answer.ok()) return names;
  for (const VolumeInfoAnswer& info : answer->volumes()) {
    if (!info.volume().deleted()) names.push_back(info.volume().name());
  }
  return names;
}

std::vector<std::string> TemplateNames(AdminClient& admin) {
  std::vector<std::string> names;
  const absl::StatusOr<TemplateListAnswer> answer =
      admin.Call(&Admin::StubInterface::TemplateList, TemplateListRequest(), kNamesSeconds);
  if (!answer.ok()) return names;
  for (const TemplateInfo& info : answer->templates()) names.push_back(info.template_().name());
  return names;
}

std::vector<std::string> GroupNames(AdminClient& admin) {
  std::vector<std::string> names;
  const absl::StatusOr<PlacementGroupListAnswer> answer = admin.Call(
      &Admin::StubInterface::PlacementGroupList, PlacementGroupListRequest(), kNamesSeconds);
  if (!answer.ok()) return names;
  for (const PlacementGroup& group : answer->groups()) names.push_back(group.name());
  return names;
}

std::vector<std::string> DiskNames(AdminClient& admin) {
  std::vector<std::string> names;
  const absl::StatusOr<DiskListAnswer> answer =
      admin.Call(&Admin::StubInterface::DiskList, DiskListRequest(), kNamesSeconds);
  if (!answer.ok()) return names;
  for (const DiskInfo& info : answer->disks()) names.push_back(absl::StrCat(info.disk().id()));
  return names;
}

std::vector<std::string> ClientNames(AdminClient& admin) {
  std::vector<std::string> names;
  const absl::StatusOr<ServiceListAnswer> answer =
      admin.Call(&Admin::StubInterface::ServiceList, ServiceListRequest(), kNamesSeconds);
  if (!answer.ok()) return names;
  for (const Service& service : answer->services()) {
    if (service.kind() == "client") names.push_back(absl::StrCat(service.id()));
  }
  return names;
}

}  // namespace

NameSource NamesOf(AdminClient& admin) {
  return [&admin](Names names) {
    switch (names) {
      case Names::kVolumes:
        return VolumeNames(
            admin.Call(&Admin::StubInterface::VolumeList, VolumeListRequest(), kNamesSeconds));
      case Names::kSnapshots:
        return VolumeNames(
            admin.Call(&Admin::StubInterface::SnapshotList, SnapshotListRequest(), kNamesSeconds));
      case Names::kTemplates:
        return TemplateNames(admin);
      case Names::kPlacementGroups:
        return GroupNames(admin);
      case Names::kDisks:
        return DiskNames(admin);
      case Names::kClients:
        return ClientNames(admin);
    }
    return std::vector<std::string>();
  };
}

}  // namespace storpool::cli
