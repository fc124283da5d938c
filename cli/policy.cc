#include "cli/policy.h"

#include "absl/strings/str_cat.h"
#include "cli/session.h"
#include "lib/base/limits.h"
#include "lib/base/size.h"
#include "lib/json/units.h"

namespace storpool::cli {

const PlacementHelp kOfNewTemplate = {
    .replication = "Mirrors of each block, 1 to 3, always on different nodes.",
    .all = "The placement group of the mirrors; else \"default\".",
    .head = "That of the first mirror; else as placeAll.",
    .tail = "That of the last mirror, which reads; else as placeAll."};
const PlacementHelp kOfTemplate = {
    .replication = "Mirrors of each block, 1 to 3, always on different nodes; else as it is.",
    .all =
        "The placement group of the mirrors in between; else as it is. placeHead and placeTail "
        "do not follow it.",
    .head = "That of the first mirror; else as it is.",
    .tail = "That of the last mirror, which reads; else as it is."};
const PlacementHelp kOfNewVolume = {
    .replication =
        "Mirrors of each block, 1 to 3, always on different nodes; else as the "
        "template, or the parent, has it.",
    .all =
        "The placement group of the mirrors; else as the template, or the parent, has it; "
        "without either \"default\".",
    .head =
        "That of the first mirror; else as the template, or the parent, has it; without "
        "either as placeAll.",
    .tail =
        "That of the last mirror, which reads; else as the template, or the parent, has it; "
        "without either as placeAll."};
const PlacementHelp kOfVolume = {
    .replication =
        "Mirrors of each block, 1 to 3, always on different nodes; else as it is, or "
        "as the template that is said has it.",
    .all =
        "The placement group of the mirrors in between; else as it is, or as the template that "
        "is said has it. placeHead and placeTail do not follow it.",
    .head = "That of the first mirror; else as it is, or as the template that is said has it.",
    .tail =
        "That of the last mirror, which reads; else as it is, or as the template that is said "
        "has it."};
const PlacementHelp kOfEither = {
    .replication = "Mirrors of each block, 1 to 3, always on different nodes.",
    .all = "The placement group of the mirrors.",
    .head = "That of the first mirror.",
    .tail = "That of the last mirror, which reads."};

std::vector<Parameter> PlacementParameters(const PlacementHelp& help) {
  return {{.word = "replication",
           .value = "N",
           .kind = Kind::kNumber,
           .help = help.replication,
           .min = 1,
           .max = kReplicationMax},
          {.word = "placeAll", .value = "GROUP", .help = help.all},
          {.word = "placeHead", .value = "GROUP", .help = help.head},
          {.word = "placeTail", .value = "GROUP", .help = help.tail}};
}

std::vector<Parameter> LimitParameters() {
  return {{.word = "iops",
           .value = "N",
           .kind = Kind::kNumber,
           .help = "Operations a second at most; - for no limit.",
           .max = kIopsMax,
           .choices = {kNoLimit}},
          {.word = "bw",
           .value = "MB",
           .kind = Kind::kBandwidth,
           .help = "MB a second at most, or with a unit: 50M, 1G; - for no limit.",
           .choices = {kNoLimit}},
          {.word = "limitType",
           .value = "total|perGiB",
           .kind = Kind::kChoice,
           .help = "Whether the limits are for the whole, or for each GiB of its size.",
           .choices = {"total", "perGiB"}}};
}

Parameter TagParameter() {
  return {.word = "tag",
          .value = "NAME=VALUE",
          .kind = Kind::kTag,
          .help = "Something to know about it; NAME= takes the tag away.",
          .repeated = true};
}

std::vector<Parameter> ExpiryParameters() {
  return {{.word = "deleteAfter",
           .value = "TIME",
           .kind = Kind::kDuration,
           .help = "Deletes itself then, such as 7d, 12h, 30m; 0: never."},
          {.word = "targetDeleteDate",
           .value = "MOMENT",
           .kind = Kind::kMoment,
           .help = "Deletes itself then: seconds since 1970, or 2026-12-31T18:30 (UTC); 0: "
                   "never."}};
}

std::vector<Parameter> Joined(std::initializer_list<std::vector<Parameter>> some) {
  std::vector<Parameter> all;
  for (const std::vector<Parameter>& parameters : some) {
    all.insert(all.end(), parameters.begin(), parameters.end());
  }
  return all;
}

std::optional<LimitsUpdate> GivenLimits(const Arguments& arguments) {
  if (!arguments.Has("iops") && !arguments.Has("bw") && !arguments.Has("limitType")) {
    return std::nullopt;
  }
  LimitsUpdate limits;
  if (arguments.Has("iops")) limits.set_iops(arguments.Number("iops"));
  if (arguments.Has("bw")) limits.set_bandwidth_bytes(arguments.Number("bw"));
  if (arguments.Has("limitType")) limits.set_per_gib(arguments.Text("limitType") == "perGiB");
  return limits;
}

void TakeTags(const Arguments& arguments, google::protobuf::RepeatedPtrField<Tag>& tags) {
  for (const Arguments::Value& value : arguments.All("tag")) {
    const size_t equals = value.text.find('=', 1);
    Tag& tag = *tags.Add();
    tag.set_name(value.text.substr(0, equals));
    tag.set_value(value.text.substr(equals + 1));
  }
}

Cell IopsCell(const Limits& limits) {
  if (limits.iops() == 0) return std::string(kNoLimit);
  return absl::StrCat(limits.iops(), limits.per_gib() ? "/GiB" : "");
}

Cell BandwidthCell(const Limits& limits) {
  if (limits.bandwidth_bytes() == 0) return std::string(kNoLimit);
  const char* per = limits.per_gib() ? "/GiB" : "";
  return {absl::StrCat(FormatSize(limits.bandwidth_bytes()), per),
          absl::StrCat(limits.bandwidth_bytes(), per)};
}

std::string TagsText(const google::protobuf::RepeatedPtrField<Tag>& tags) {
  std::string text;
  for (const Tag& tag : tags) {
    absl::StrAppend(&text, text.empty() ? "" : " ", tag.name(), "=", tag.value());
  }
  return text;
}

absl::Status BothExpiriesError() {
  return UsageError("\"deleteAfter\" and \"targetDeleteDate\" exclude each other");
}

}  // namespace storpool::cli
