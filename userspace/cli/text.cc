#include "cli/text.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>

#include "base/time.h"

namespace gatehouse::cli {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: broken UTF-8
};

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead >= 0xf5 || text.size() < bytes) return {};
  std::uint32_t code = lead & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[i])) return {};
    code = code << 6U | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {code, bytes};
}

// Unicode's format characters that hide or reorder text, the separators of lines, and the tags.
bool is_treacherous(std::uint32_t code) {
  struct Range {
    std::uint32_t first;
    std::uint32_t last;
  };
  constexpr std::array<Range, 8> ranges{{{0x80, 0x9f},
                                         {0xad, 0xad},
                                         {0x61c, 0x61c},
                                         {0x200b, 0x200f},
                                         {0x2028, 0x202e},
                                         {0x2060, 0x206f},
                                         {0xfeff, 0xfeff},
                                         {0xe0000, 0xe007f}}};
  for (const auto& range : ranges) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

std::string escaped_control(std::uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\r') return "\\r";
  if (code == '\t') return "\\t";
  return fmt::format("\\x{:02x}", code);
}

}  // namespace

std::string escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const auto character = first_character(text);
    if (character.bytes == 0) {
      escaped += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    if (character.code < 0x20 || character.code == 0x7f) {
      escaped += escaped_control(character.code);
    } else if (is_treacherous(character.code)) {
      escaped += fmt::format("\\u{{{:x}}}", character.code);
    } else {
      escaped += text.substr(0, character.bytes);
    }
    text.remove_prefix(character.bytes);
  }
  return escaped;
}

std::size_t width(std::string_view escaped) {
  std::size_t characters = 0;
  for (const char c : escaped) characters += is_continuation(c) ? 0 : 1;
  return characters;
}

std::string cut(std::string_view escaped, std::size_t most) {
  if (width(escaped) <= most) return std::string(escaped);
  if (most == 0) return {};
  std::size_t at = 0;
  for (std::size_t characters = 0; characters + 1 < most; ++characters) {
    ++at;
    while (at < escaped.size() && is_continuation(escaped[at])) ++at;
  }
  return std::string(escaped.substr(0, at)) + "…";
}

std::string show_bytes(double bytes) {
  constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units.at(unit));
}

std::string show_seconds(double seconds) {
  constexpr double most = 1e12;
  if (!(seconds > -most && seconds < most)) return "-";
  return format_duration(std::chrono::seconds(std::llround(seconds)));
}

std::string show_time(std::string_view rfc3339) {
  const auto time = parse_time(rfc3339);
  if (!time) return rfc3339.empty() ? "-" : escape(rfc3339);
  return format_time(std::chrono::floor<std::chrono::seconds>(*time));
}

std::string show(const nlohmann::json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.empty() ? "-" : escape(text);
  }
  return escape(value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

std::string show(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return "-";
  const auto found = object.find(key);
  return found == object.end() ? "-" : show(*found);
}

std::string show_list(const nlohmann::json& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + show(item);
  return text;
}

bool is_true(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return false;
  const auto found = object.find(key);
  return found != object.end() && *found == true;
}

double number(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return 0;
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

const nlohmann::json& member(const nlohmann::json& object, const char* key) {
  static const nlohmann::json nothing = nlohmann::json::array();
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found != object.end() && found->is_structured() ? *found : nothing;
}

}  // namespace gatehouse::cli
