#include "admin/query.h"

#include <algorithm>
#include <charconv>

namespace gatehouse::admin {

Result<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    unsigned value = 0;
    const auto digits = text.substr(at + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
      return failure("the query has a broken %-escape", "write % and two hexadecimal digits");
    }
    decoded += static_cast<char>(value);
    at += 2;
  }
  return decoded;
}

std::optional<std::string> Query::value(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Result<void> Query::only(std::initializer_list<std::string_view> allowed) const {
  for (const auto& [key, value] : parameters) {
    if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) continue;
    std::string known;
    for (const auto name : allowed) known += (known.empty() ? "" : ", ") + std::string(name);
    return failure("unknown query parameter '" + key + "'",
                   known.empty() ? "this route takes none" : "this route takes " + known);
  }
  return {};
}

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

std::optional<std::vector<std::string_view>> match_path(std::string_view pattern, std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto open = pattern.find('{');
    if (open == std::string_view::npos) {
      if (pattern != path) return std::nullopt;
      return parts;
    }
    if (path.substr(0, open) != pattern.substr(0, open)) return std::nullopt;
    path.remove_prefix(open);
    pattern.remove_prefix(pattern.find('}') + 1);
    const auto part = path.substr(0, path.find('/'));
    if (part.empty()) return std::nullopt;
    parts.push_back(part);
    path.remove_prefix(part.size());
  }
}

Result<Query> query_of(std::string_view target) {
  Query query;
  const auto question = target.find('?');
  if (question == std::string_view::npos) return query;
  auto rest = target.substr(question + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const auto part = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const auto equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return failure("the query has a part without name and value", "write name=value, joined by &");
    }
    auto name = percent_decode(part.substr(0, equals));
    if (!name) return std::unexpected(name.error());
    auto value = percent_decode(part.substr(equals + 1));
    if (!value) return std::unexpected(value.error());
    if (query.value(*name)) return failure("the query parameter '" + *name + "' comes twice", "send it once");
    query.parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += hex[byte >> 4U];
      encoded += hex[byte & 15U];
    }
  }
  return encoded;
}

}  // namespace gatehouse::admin
