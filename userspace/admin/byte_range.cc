#include "admin/byte_range.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "admin/header_text.h"

namespace gatehouse::admin {
namespace {

constexpr std::string_view bytes_unit = "bytes=";
constexpr auto beyond_all = std::numeric_limits<std::uint64_t>::max();

bool begins_with_unit(std::string_view header) {
  if (header.size() < bytes_unit.size()) return false;
  return std::ranges::equal(header.substr(0, bytes_unit.size() - 1), bytes_unit.substr(0, bytes_unit.size() - 1),
                            [](char a, char b) { return (a | 0x20) == b; }) &&
         header[bytes_unit.size() - 1] == '=';
}

// Digits and nothing else; a number that is too large for anything is as good as the largest.
std::optional<std::uint64_t> number_of(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::uint64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc::result_out_of_range ? beyond_all : number;
}

RangeAnswer nothing_of(std::uint64_t size) {
  return {.status = 416, .part = {}, .content_range = "bytes */" + std::to_string(size)};
}

}  // namespace

RangeAnswer range_of(std::string_view header, std::uint64_t size) {
  RangeAnswer whole{.status = 200, .part = {.offset = 0, .length = size}, .content_range = {}};
  header = trimmed(header);
  if (!begins_with_unit(header)) return whole;
  const auto wanted = trimmed(header.substr(bytes_unit.size()));
  const auto dash = wanted.find('-');
  if (dash == std::string_view::npos) return whole;
  const auto before = wanted.substr(0, dash);
  const auto behind = wanted.substr(dash + 1);
  std::uint64_t first = 0;
  std::uint64_t last = beyond_all;
  if (before.empty()) {
    const auto suffix = number_of(behind);
    if (!suffix) return whole;
    if (*suffix == 0 || size == 0) return nothing_of(size);
    first = size - std::min(size, *suffix);
  } else {
    const auto from = number_of(before);
    const auto to = behind.empty() ? std::optional(beyond_all) : number_of(behind);
    if (!from || !to || *to < *from) return whole;
    if (*from >= size) return nothing_of(size);
    first = *from;
    last = *to;
  }
  last = std::min(last, size - 1);
  return {.status = 206,
          .part = {.offset = first, .length = last - first + 1},
          .content_range = "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(size)};
}

}  // namespace gatehouse::admin
