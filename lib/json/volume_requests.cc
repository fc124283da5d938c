#include "lib/json/volume_requests.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/json/fields.h"
#include "lib/json/policy.h"

namespace storpool::json {
namespace {

constexpr uint64_t kSecondsMax = std::numeric_limits<int32_t>::max();

// When a snapshot goes by itself; 0: never.
template <class Request>
void ReadExpiry(Fields& fields, Request& request) {
  if (auto at = fields.Number("targetDeleteDate", 0, std::numeric_limits<uint32_t>::max())) {
    request.set_delete_at_seconds(static_cast<int64_t>(*at));
  }
  if (auto after = fields.Number("deleteAfter", 0, kSecondsMax)) {
    request.set_delete_after_seconds(*after);
  }
}

std::optional<std::string> TextThatIsNeeded(Fields& fields, std::string_view name) {
  std::optional<std::string> text = fields.Text(name);
  if (!text || text->empty()) {
    fields.Wrong(name, "is missing");
    return std::nullopt;
  }
  return text;
}

}  // namespace

absl::StatusOr<VolumeCreateRequest> ReadVolumeCreate(const Json& body) {
  Fields fields(body, "VolumeCreate");
  VolumeCreateRequest request;
  if (auto name = fields.Text("name")) request.set_name(*name);
  if (auto size = fields.Size("size")) request.set_size_bytes(*size);
  if (auto t = fields.Text("template")) request.set_template_name(*t);
  if (auto parent = fields.Text("parent")) request.set_parent(*parent);
  if (auto base = fields.Text("baseOn")) request.set_base_on(*base);
  ReadPolicy(fields, request);
  fields.Tags("tags", request.mutable_tags());
  return Finished(fields, std::move(request));
}

absl::StatusOr<VolumeUpdateRequest> ReadVolumeUpdate(const std::string& name, const Json& body) {
  Fields fields(body, "VolumeUpdate");
  VolumeUpdateRequest request;
  request.set_name(name);
  if (auto rename = fields.Text("rename")) request.set_rename(*rename);
  if (auto size = fields.Size("size")) request.set_size_bytes(*size);
  if (auto add = fields.Size("sizeAdd")) request.set_size_add_bytes(*add);
  if (auto ok = fields.Flag("shrinkOk")) request.set_shrink_ok(*ok);
  if (auto t = fields.Text("template")) request.set_template_name(*t);
  ReadPolicy(fields, request);
  fields.Tags("tags", request.mutable_tags());
  return Finished(fields, std::move(request));
}

absl::StatusOr<VolumeUpdateRequest> ReadSnapshotUpdate(const std::string& name, const Json& body) {
  Fields fields(body, "SnapshotUpdate");
  VolumeUpdateRequest request;
  request.set_name(name);
  request.set_snapshot(true);
  if (auto rename = fields.Text("rename")) request.set_rename(*rename);
  if (auto t = fields.Text("template")) request.set_template_name(*t);
  if (auto bind = fields.Flag("bind")) request.set_bind(*bind);
  ReadExpiry(fields, request);
  ReadPolicy(fields, request);
  fields.Tags("tags", request.mutable_tags());
  return Finished(fields, std::move(request));
}

absl::StatusOr<VolumeFreezeRequest> ReadVolumeFreeze(const std::string& name, const Json& body) {
  Fields fields(body, "VolumeFreeze");
  VolumeFreezeRequest request;
  request.set_name(name);
  ReadExpiry(fields, request);
  return Finished(fields, std::move(request));
}

absl::StatusOr<VolumeRevertRequest> ReadVolumeRevert(const std::string& name, const Json& body) {
  Fields fields(body, "VolumeRevert");
  VolumeRevertRequest request;
  request.set_name(name);
  if (auto snapshot = TextThatIsNeeded(fields, "toSnapshot")) request.set_to_snapshot(*snapshot);
  if (auto size = fields.Flag("revertSize")) request.set_revert_size(*size);
  return Finished(fields, std::move(request));
}

absl::StatusOr<VolumeRebaseRequest> ReadRebase(const std::string& name, bool snapshot,
                                               const Json& body) {
  Fields fields(body, snapshot ? "SnapshotRebase" : "VolumeRebase");
  VolumeRebaseRequest request;
  request.set_name(name);
  request.set_snapshot(snapshot);
  if (auto parent = fields.Text("parentName")) request.set_parent(*parent);
  return Finished(fields, std::move(request));
}

absl::StatusOr<SnapshotCreateRequest> ReadVolumeSnapshot(const std::string& name,
                                                         const Json& body) {
  Fields fields(body, "VolumeSnapshot");
  SnapshotCreateRequest request;
  SnapshotCreateRequest::One& one = *request.add_volumes();
  one.set_volume(name);
  if (auto snapshot = fields.Text("name")) one.set_name(*snapshot);
  if (auto bind = fields.Flag("bind")) request.set_bind(*bind);
  ReadExpiry(fields, request);
  fields.Tags("tags", one.mutable_tags());
  return Finished(fields, std::move(request));
}

absl::StatusOr<SnapshotCreateRequest> ReadGroupSnapshot(const Json& body) {
  Fields fields(body, "VolumesGroupSnapshot");
  SnapshotCreateRequest request;
  request.set_group(true);
  fields.Objects("volumes", [&](const Json& element) {
    Fields entry(element, "VolumesGroupSnapshot: volumes");
    SnapshotCreateRequest::One& one = *request.add_volumes();
    if (auto volume = TextThatIsNeeded(entry, "volume")) one.set_volume(*volume);
    if (auto name = entry.Text("name")) one.set_name(*name);
    entry.Tags("tags", one.mutable_tags());
    fields.Add(entry.Finish());
  });
  if (request.volumes().empty()) fields.Wrong("volumes", "names no volume");
  if (auto bind = fields.Flag("bind")) request.set_bind(*bind);
  ReadExpiry(fields, request);
  fields.Tags("tags", request.mutable_tags());
  return Finished(fields, std::move(request));
}

absl::StatusOr<OnAttached> ReadDelete(const Json& body) {
  Fields fields(body, "the request to delete");
  OnAttached on_attached = OnAttached::kFail;
  if (auto word = fields.Text("onAttached")) {
    if (*word == "detach") {
      on_attached = OnAttached::kDetach;
    } else if (*word == "detachForce") {
      on_attached = OnAttached::kDetachForce;
    } else if (*word != "fail") {
      fields.Wrong("onAttached", "is fail, detach or detachForce");
    }
  }
  return Finished(fields, on_attached);
}

}  // namespace storpool::json
