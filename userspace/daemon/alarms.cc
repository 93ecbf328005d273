#include "daemon/alarms.h"

#include <spdlog/spdlog.h>

namespace gatehouse::daemon {

void Alarms::raise(const std::string& name, const Error& error) {
  auto [at, added] = list_.try_emplace(name, error);
  if (added || at->second.what != error.what) spdlog::error("alarm {}: {}", name, error.text());
  at->second = error;
}

void Alarms::clear(const std::string& name) {
  if (list_.erase(name) > 0) spdlog::info("alarm {} is over", name);
}

}  // namespace gatehouse::daemon
