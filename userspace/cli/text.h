// Values as a terminal shows them. Whatever comes from the daemon may hold what an attacker chose (a login, a reason):
// everything goes through escape() before it is printed, so that no text steers the terminal or hides another.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace gatehouse::cli {

// Control characters (C0, DEL, C1), invisible and direction-changing Unicode and broken UTF-8 as \n, \x1b, \u{202e},
// \xff; the rest as it is.
std::string escape(std::string_view text);

std::size_t width(std::string_view escaped);                   // in characters
std::string cut(std::string_view escaped, std::size_t width);  // at most that wide; "…" tells that something is missing

std::string show_bytes(double bytes);             // "512 B", "1.5 MiB"
std::string show_seconds(double seconds);         // "2h3m", whole seconds
std::string show_time(std::string_view rfc3339);  // without fractions of a second

// A member of an answer, escaped: text as it is, numbers and booleans in words, "-" for null, empty or missing.
std::string show(const nlohmann::json& object, const char* key);
std::string show(const nlohmann::json& value);      // the same for a value by itself
std::string show_list(const nlohmann::json& list);  // "1, 2"
bool is_true(const nlohmann::json& object, const char* key);
double number(const nlohmann::json& object, const char* key);  // 0 when it is none
// The member when it is an object or a list, otherwise an empty one.
const nlohmann::json& member(const nlohmann::json& object, const char* key);

}  // namespace gatehouse::cli
