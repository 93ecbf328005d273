#include <array>
#include <cctype>

#include "policy/document.h"
#include "policy/document_fields.h"

namespace gatehouse::policy {
namespace {

// Words that YAML gives a meaning of their own, in one of its versions.
constexpr std::array<std::string_view, 11> meaningful{"null", "true", "false", "yes", "no", "on",
                                                      "off",  "y",    "n",     "nan", "inf"};

bool needs_no_quotes(const std::string& text) {
  std::string lower;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || (std::isalnum(byte) == 0 && c != '.' && c != '_' && c != '-' && c != '/')) return false;
    lower += static_cast<char>(std::tolower(byte));
  }
  if (text.empty() || std::isalnum(static_cast<unsigned char>(text.front())) == 0) return false;
  for (const auto word : meaningful) {
    if (lower == word) return false;
  }
  return true;
}

std::string quoted(const std::string& text) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      result += "\\x";
      result += digits[byte >> 4U];
      result += digits[byte & 15U];
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string scalar(const std::string& text) {
  return needs_no_quotes(text) ? text : quoted(text);
}

std::string flow_list(const std::vector<std::string>& values) {
  std::string text = "[";
  for (const auto& value : values) text += (text.size() == 1 ? "" : ", ") + scalar(value);
  return text + "]";
}

void print(const std::string& name, const Pool& pool, std::string& text) {
  text += "  " + scalar(name) + ": " + flow_list(fields_of(pool).front().values) + "\n";
}

std::string value_of(const Field& field) {
  switch (field.shape) {
    case Field::Shape::list:
      return flow_list(field.values);
    case Field::Shape::maps: {
      std::string text = "[";
      for (const auto& value : field.values) text += (text.size() == 1 ? "" : ", ") + value;
      return text + "]";
    }
    case Field::Shape::literal:
      return field.values.front();
    case Field::Shape::text:
      break;
  }
  return scalar(field.values.front());
}

template <typename Thing>
void print(const std::string& name, const Thing& thing, std::string& text) {
  std::string lines;
  for (const auto& field : fields_of(thing)) {
    if (!field.is_default) lines += "    " + std::string(field.key) + ": " + value_of(field) + "\n";
  }
  text += "  " + scalar(name) + ":" + (lines.empty() ? " {}\n" : "\n" + lines);
}

template <typename Thing>
void print_section(std::string_view section, const std::map<std::string, Thing>& things, std::string& text) {
  if (things.empty()) return;
  text += std::string(section) + ":\n";
  for (const auto& [name, thing] : things) print(name, thing, text);
}

}  // namespace

std::string to_yaml(const Document& document) {
  std::string text;
  print_section("pools", document.pools, text);
  print_section("users", document.users, text);
  print_section("user_groups", document.user_groups, text);
  print_section("servers", document.servers, text);
  print_section("server_groups", document.server_groups, text);
  print_section("services", document.services, text);
  print_section("schedules", document.schedules, text);
  print_section("maintenance", document.maintenance, text);
  print_section("grants", document.grants, text);
  print_section("denials", document.denials, text);
  return text;
}

}  // namespace gatehouse::policy
