#include "lib/http/calls.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace storpool::http {

absl::Status OnlyFields(const google::protobuf::Message& request,
                        std::initializer_list<std::string_view> known) {
  std::vector<const google::protobuf::FieldDescriptor*> set;
  request.GetReflection()->ListFields(request, &set);
  for (const google::protobuf::FieldDescriptor* field : set) {
    if (std::ranges::find(known, field->name()) != known.end()) continue;
    return absl::UnimplementedError(
        absl::StrCat("the field ", field->json_name(), " is not supported yet"));
  }
  return absl::OkStatus();
}

const std::vector<Call>& AllCalls() {
  static const std::vector<Call>* const all = [] {
    auto* calls = new std::vector<Call>;
    for (auto some :
         {ClusterCalls, DiskCalls, PlacementCalls, VolumeCalls, AttachmentCalls, AbsentCalls}) {
      std::ranges::move(some(), std::back_inserter(*calls));
    }
    std::ranges::sort(*calls, {}, &Call::name);
    return calls;
  }();
  return *all;
}

}  // namespace storpool::http
