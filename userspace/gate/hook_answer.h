// What the decision hook answers (gate/decision_hook.h): one JSON object in one line. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace gatehouse::gate {

struct HookAnswer {
  bool allow = false;
  std::optional<std::string> user{};  // who it is, whatever the source address says
  std::optional<WallTime> until{};    // of the access, or of the refusal
  std::string detail{};               // for the audit row of a refusal
};

// The line without its newline. Strict: an unknown key, one that stands twice or a wrong type is an error.
Result<HookAnswer> parse_hook_answer(std::string_view line);

}  // namespace gatehouse::gate
