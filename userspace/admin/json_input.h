// JSON out of bytes that nobody has vouched for: one document, UTF-8, at most 32 levels deep, no key twice in one
// object. And the strict reading of its objects: unknown keys and wrong types are faults that name their place
// ("bans[3].network").
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gatehouse::admin {

inline constexpr std::size_t deepest_json = 32;

Result<nlohmann::json> parse_json(std::string_view bytes);

// No control characters, not empty, at most `longest` bytes: what may become part of a log line or a name.
Result<void> check_line(std::string_view text, std::size_t longest);

// Reads one object. The first fault is kept in `fault` (shared by the readers of one request); after a fault the
// accessors give nullopt, so that a request is read to its end and `fault` is asked once.
class ObjectReader {
 public:
  ObjectReader(const nlohmann::json& value, std::string place, std::initializer_list<std::string_view> allowed,
               std::optional<Error>& fault);

  [[nodiscard]] const nlohmann::json* member(std::string_view key, bool required);
  std::optional<std::string> line(std::string_view key, std::size_t longest, bool required = false);
  std::optional<std::string> text(std::string_view key, bool required = false);  // any characters
  std::optional<std::uint64_t> number(std::string_view key, std::uint64_t least, std::uint64_t most,
                                      bool required = false);
  const nlohmann::json* list(std::string_view key, std::size_t longest, bool required = false);

  // `parse(text)` -> Result<T>; its error gets the place.
  template <typename Parse>
  auto parsed(std::string_view key, Parse&& parse, bool required = false)
      -> std::optional<typename decltype(parse(std::string_view{}))::value_type> {
    const auto value = line(key, 256, required);
    if (!value) return std::nullopt;
    auto result = parse(std::string_view(*value));
    if (!result) {
      complain(key, result.error());
      return std::nullopt;
    }
    return std::move(*result);
  }

  [[nodiscard]] std::string place_of(std::string_view key) const;
  void complain(std::string_view key, Error error);

 private:
  const nlohmann::json* object_ = nullptr;  // null after a fault
  std::string place_;
  std::optional<Error>& fault_;
};

}  // namespace gatehouse::admin
