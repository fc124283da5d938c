#include "lib/metadata/live_view.h"

#include <utility>

namespace storpool::metadata {

void LiveView::AddAlarm(int64_t at_seconds, const std::string& from, const std::string& text) {
  RaisedAlarm& alarm = alarms_.emplace_back();
  alarm.set_at_seconds(at_seconds);
  alarm.set_from(from);
  alarm.set_text(text);
  if (alarms_.size() > kAlarmsMax) alarms_.pop_front();
}

void LiveView::AddPause(uint64_t snapshot, Duration pause) {
  pauses_[snapshot] = pause;
  if (pauses_.size() > kOperationsMax) pauses_.erase(pauses_.begin());
}

void LiveView::AddFailedOperation(uint64_t operation, std::string why) {
  failed_operations_[operation] = std::move(why);
  if (failed_operations_.size() > kOperationsMax) {
    failed_operations_.erase(failed_operations_.begin());
  }
}

}  // namespace storpool::metadata
