#include "daemon/recording_views.h"

#include <algorithm>

namespace gatehouse::daemon {

void RecordingViews::add(const std::string& who, std::uint64_t recording, Time now) {
  if (seen_.size() >= most) {
    std::erase_if(seen_, [now](const auto& entry) { return now - entry.second >= lasts; });
    if (seen_.size() >= most) {
      seen_.erase(std::ranges::min_element(seen_, {}, [](const auto& entry) { return entry.second; }));
    }
  }
  seen_[{who, recording}] = now;
}

}  // namespace gatehouse::daemon
