#include "daemon/alarms.h"

#include <spdlog/spdlog.h>

namespace gatehouse::daemon {

void Alarms::raise(const std::string& name, const Error& error) {
  auto [at, added] = list_.try_emplace(name, error);
  const bool news = added || at->second.what != error.what;
  at->second = error;
  if (!news) return;
  spdlog::error("alarm {}: {}", name, error.text());
  if (listener_) listener_(name, &error);
}

void Alarms::clear(const std::string& name) {
  if (list_.erase(name) == 0) return;
  spdlog::info("alarm {} is over", name);
  if (listener_) listener_(name, nullptr);
}

}  // namespace gatehouse::daemon
