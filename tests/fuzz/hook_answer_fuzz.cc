// parse_hook_answer() on anything: it says why it refuses, and what it accepts says what its own writing says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "gate/hook_answer.h"

namespace gate = gatehouse::gate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto answer = gate::parse_hook_answer(line);
  if (!answer) {
    if (answer.error().what.empty()) std::abort();
    return 0;
  }
  if (answer->detail.size() > 200 || (!answer->allow && answer->user)) std::abort();
  nlohmann::json written{{"allow", answer->allow}};
  if (answer->user) written["user"] = *answer->user;
  if (answer->until) written["until"] = gatehouse::format_time(*answer->until);
  if (!answer->detail.empty()) written["detail"] = answer->detail;
  const auto again = gate::parse_hook_answer(written.dump());
  if (!again || again->allow != answer->allow || again->user != answer->user || again->detail != answer->detail ||
      again->until.has_value() != answer->until.has_value()) {
    std::abort();
  }
  return 0;
}
