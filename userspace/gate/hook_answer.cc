#include "gate/hook_answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace gatehouse::gate {
namespace {

constexpr std::size_t longest_detail = 200;

std::unexpected<Error> bad_answer(std::string what) {
  return std::unexpected(
      Error{"the decision hook's answer " + std::move(what),
            "mend the hook: one line of JSON, {\"allow\": true} or {\"allow\": false} at the least"});
}

bool is_printable(std::string_view text) {
  return std::ranges::none_of(text, [](char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return value < 0x20 || value == 0x7f;
  });
}

// An object in which no key stands twice; discarded otherwise.
nlohmann::json read_object(std::string_view line) {
  std::set<std::string> keys;
  bool twice = false;
  const auto look = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::key && depth == 1)
      twice |= !keys.insert(parsed.get<std::string>()).second;
    return true;
  };
  auto object = nlohmann::json::parse(line, look, false);
  return twice || !object.is_object() ? nlohmann::json(nlohmann::json::value_t::discarded) : object;
}

}  // namespace

Result<HookAnswer> parse_hook_answer(std::string_view line) {
  const auto object = read_object(line);
  if (object.is_discarded()) return bad_answer("is not one JSON object whose keys stand once");
  HookAnswer answer;
  bool says_allow = false;
  for (const auto& [key, value] : object.items()) {
    if (key == "allow") {
      if (!value.is_boolean()) return bad_answer("has an 'allow' that is neither true nor false");
      answer.allow = value.get<bool>();
      says_allow = true;
    } else if (key == "user" || key == "until" || key == "detail") {
      if (!value.is_string()) return bad_answer("has a '" + key + "' that is not text");
      auto text = value.get<std::string>();
      if (key == "user") {
        answer.user = std::move(text);
      } else if (key == "until") {
        const auto until = parse_time(text);
        if (!until) return bad_answer("has an 'until' that is not a time as RFC 3339 writes it");
        answer.until = *until;
      } else if (text.size() > longest_detail || !is_printable(text)) {
        return bad_answer("has a 'detail' of more than 200 bytes or with control characters");
      } else {
        answer.detail = std::move(text);
      }
    } else {
      return bad_answer("has a key that is not known; known are allow, user, until and detail");
    }
  }
  if (!says_allow) return bad_answer("has no 'allow'");
  if (!answer.allow && answer.user) return bad_answer("refuses and names a user");
  return answer;
}

}  // namespace gatehouse::gate
