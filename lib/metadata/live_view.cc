#include "lib/metadata/live_view.h"

namespace storpool::metadata {

void LiveView::AddAlarm(int64_t at_seconds, std::string from, std::string text) {
  alarms_.push_back({at_seconds, std::move(from), std::move(text)});
  if (alarms_.size() > kAlarmsMax) alarms_.pop_front();
}

}  // namespace storpool::metadata
