// The Range header of a request, and what of a file it asks for. Only one range of bytes is given out: a list of them,
// another unit, or what is no range at all is answered with the whole file, as RFC 9110 section 14.2 allows.
// Source: RFC 9110 section 14.1.2 (byte ranges), 14.4 (Content-Range), 15.5.17 (416).
//
// Pure; threads: any. Units: bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatehouse::admin {

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct RangeAnswer {
  int status = 200;  // 200: the whole; 206: `part` of it; 416: nothing of it is there
  ByteRange part;
  std::string content_range;  // of 206 and 416
};

// `header`: what stands behind "Range:"; empty: there was none. `size`: of the file, now.
RangeAnswer range_of(std::string_view header, std::uint64_t size);

}  // namespace gatehouse::admin
