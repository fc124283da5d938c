#include "lib/json/placement.h"

namespace storpool::json {

Json JsonOf(const PlacementGroup& group) {
  return {{"id", group.id()}, {"name", group.name()}, {"disks", ArrayOf(group.disks())}};
}

Json JsonOf(const TemplateInfo& info) {
  const Template& t = info.template_();
  Json json = {{"id", t.id()},
               {"name", t.name()},
               {"parentName", ""},
               {"placeAll", t.place_all()},
               {"placeTail", t.place_tail()},
               {"placeHead", t.place_head()},
               {"replication", t.replication()}};
  json["size"] = t.size_bytes() == 0 ? Json("-") : Json(t.size_bytes());
  json["bw"] = "-";
  json["iops"] = "-";
  json["volumesCount"] = info.volumes();
  json["stored"] = {{"capacity", info.capacity_bytes()}, {"free", info.free_bytes()}};
  return json;
}

}  // namespace storpool::json
