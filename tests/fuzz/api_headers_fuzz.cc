// Headers of the API that strangers write: Range and Cookie, separated by the first line end. What is given out lies
// inside the file, and a cookie inside its header.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "admin/browser_logins.h"
#include "admin/byte_range.h"
#include "admin/query.h"

namespace admin = gatehouse::admin;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto end = text.find('\n');
  const auto range = text.substr(0, end);
  const auto cookies = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  for (const std::uint64_t length : {0ULL, 1ULL, 1000ULL, ~0ULL}) {
    const auto answer = admin::range_of(range, length);
    if (answer.status != 200 && answer.status != 206 && answer.status != 416) std::abort();
    if (answer.status == 200 && (answer.part.offset != 0 || answer.part.length != length)) std::abort();
    if (answer.status == 416 && answer.part.length != 0) std::abort();
    if (answer.status == 206 &&
        (answer.part.length == 0 || answer.part.offset >= length || answer.part.length > length - answer.part.offset)) {
      std::abort();
    }
  }
  if (const auto value = admin::cookie_of(cookies, admin::login_cookie)) {
    if (value->find(';') != std::string_view::npos || cookies.find(*value) == std::string_view::npos) std::abort();
  }
  if (const auto parts = admin::match_path("/v1/recordings/{id}/files/{name}", range)) {
    if (parts->size() != 2 || parts->at(0).empty() || parts->at(1).find('/') != std::string_view::npos) std::abort();
  }
  return 0;
}
