// How effects read in a trace.
#include <string>

#include "lib/chain/world.h"

namespace storpool::chain {
namespace {

struct Name {
  std::string operator()(const wire::Forward& m) const {
    return "forward " + ToString(m.entry.version);
  }
  std::string operator()(const wire::Progress& m) const {
    return "progress D=" + ToString(m.common.durable) + " W=" + ToString(m.common.committed);
  }
  std::string operator()(const wire::Resend& m) const { return "resend above " + ToString(m.have); }
  std::string operator()(const wire::RelayAnswer& m) const {
    return "relay answer " + std::to_string(m.answer.number);
  }
  std::string operator()(const wire::Adopted& m) const {
    return "adopted " + std::to_string(m.common.epoch.value()) +
           " D=" + ToString(m.common.durable) + " W=" + ToString(m.common.committed) +
           " F=" + ToString(m.complete_up_to);
  }
  std::string operator()(const wire::Level& m) const { return "level " + ToString(m.level); }
  std::string operator()(const wire::Leveled& m) const { return "leveled " + ToString(m.level); }
  std::string operator()(const wire::Fetch& m) const {
    return "fetch " + ToString(m.above) + " to " + ToString(m.up_to);
  }
  std::string operator()(const wire::FetchEntry& m) const {
    return "fetched " + ToString(m.entry.version);
  }
  std::string operator()(const wire::FetchEnd&) const { return "fetch end"; }
  std::string operator()(const wire::Release&) const { return "release"; }
  std::string operator()(const wire::Confirm& m) const {
    return "confirm " + std::to_string(m.round);
  }
  std::string operator()(const wire::ConfirmAnswer& m) const {
    return "confirm answer " + std::to_string(m.round) + " epoch " +
           std::to_string(m.highest_adopted.value());
  }
  std::string operator()(const wire::SyncOpen& m) const {
    return "sync open base=" + ToString(m.base);
  }
  std::string operator()(const wire::SyncBegin& m) const {
    return "sync begin W=" + ToString(m.stream_base);
  }
  std::string operator()(const wire::SyncStream& m) const {
    return "sync stream " + ToString(m.entry.version);
  }
  std::string operator()(const wire::SyncScan& m) const {
    return "sync scan " + ToString(m.entry.version);
  }
  std::string operator()(const wire::SyncEnd& m) const { return "sync end: " + m.reason; }
  std::string operator()(const wire::RepairRead& m) const {
    return "repair read " + ToString(m.version);
  }
  std::string operator()(const wire::RepairAnswer& m) const {
    return "repair answer " + std::to_string(m.entries.size());
  }
  template <class M>
  std::string operator()(const M&) const {
    return "";  // credits, acknowledgements: not part of the lesson
  }
};

const char* ResultName(wire::Result result) {
  constexpr const char* kNames[] = {"ok",         "wrong epoch", "not serving", "fenced",
                                    "refused",    "no space",    "gone",        "stale line",
                                    "needs base", "beyond end",  "media error"};
  return kNames[static_cast<int>(result)];
}

}  // namespace

std::string Describe(DiskId disk, const Effect& effect) {
  const std::string at = DiskName(disk);
  if (const auto* send = std::get_if<Send>(&effect)) {
    const std::string name = std::visit(Name(), send->message);
    return name.empty() ? "" : at + "->" + DiskName(send->to) + " " + name;
  }
  if (const auto* answer = std::get_if<AnswerWrite>(&effect)) {
    return at + " answers write " + std::to_string(answer->relay.answer.number) + " " +
           ResultName(answer->relay.answer.result);
  }
  if (const auto* answer = std::get_if<AnswerRead>(&effect)) {
    return at + " answers read " + ResultName(answer->answer.result);
  }
  if (const auto* open = std::get_if<OpenReady>(&effect)) {
    return at + " ready to open " + std::to_string(open->epoch.value()) + " at " +
           ToString(open->opened_at);
  }
  if (std::get_if<LevelFailed>(&effect) != nullptr) return at + " level failed";
  if (std::get_if<EpochEnds>(&effect) != nullptr) return at + " epoch ends";
  if (const auto* can = std::get_if<Promotable>(&effect)) {
    return at + " says " + DiskName(can->target) +
           " is promotable F=" + ToString(can->complete_up_to);
  }
  if (std::get_if<Alarm>(&effect) != nullptr) return at + " alarm";
  if (const auto* raised = std::get_if<Raised>(&effect)) {
    return at + " raised " + std::to_string(raised->id);
  }
  if (const auto* persist = std::get_if<Persist>(&effect)) {
    if (const auto* v = std::get_if<AppendVoid>(&persist->record)) {
      return at + " voids above " + ToString(v->above);
    }
    if (const auto* v = std::get_if<AppendAdopt>(&persist->record)) {
      return at + " adopts " + std::to_string(v->epoch.value()) +
             (v->config.named.opened ? " opened" : "");
    }
  }
  return "";
}

}  // namespace storpool::chain
