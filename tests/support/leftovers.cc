#include "support/leftovers.h"

#include <unistd.h>
#include <csignal>

#include <atomic>
#include <cerrno>
#include <charconv>

namespace gatehouse::test {

namespace {
constexpr std::string_view beginning = "gh-";
}

std::string unique_name() {
  static std::atomic<unsigned> next{1};
  return std::string(beginning) + std::to_string(getpid()) + "-" + std::to_string(next++);
}

std::optional<pid_t> owner_of(std::string_view name) {
  if (!name.starts_with(beginning)) return std::nullopt;
  name.remove_prefix(beginning.size());
  pid_t owner = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), owner);
  if (error != std::errc{} || owner <= 0 || end == name.data() + name.size() || *end != '-') return std::nullopt;
  return owner;
}

bool is_left_over(std::string_view name) {
  const std::optional<pid_t> owner = owner_of(name);
  return owner && kill(*owner, 0) != 0 && errno == ESRCH;
}

}  // namespace gatehouse::test
