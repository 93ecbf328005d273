// The target of a request: the path and the parameters behind the question mark, percent-decoded. "+" stands for itself
// (RFC 3986). A parameter without "=", a broken escape, and a parameter that comes twice are faults.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace gatehouse::admin {

struct Query {
  std::vector<std::pair<std::string, std::string>> parameters;

  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
  [[nodiscard]] Result<void> only(std::initializer_list<std::string_view> allowed) const;
};

std::string_view path_of(std::string_view target);
// The parts of `path` that stand where `pattern` has {...}, as they came, none of them empty; nullopt: it does not fit.
std::optional<std::vector<std::string_view>> match_path(std::string_view pattern, std::string_view path);
Result<Query> query_of(std::string_view target);

Result<std::string> percent_decode(std::string_view text);
// For the sender: everything but the unreserved characters escaped.
std::string percent_encode(std::string_view text);

}  // namespace gatehouse::admin
