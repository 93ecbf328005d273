// Text of a foreign database, made fit for one line of a list, of the audit or of JSON.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gatehouse::store {

// Whole characters of UTF-8, at most `most` bytes: what is no UTF-8 (RFC 3629) becomes '?', control characters become
// blanks, and blanks at both ends go.
std::string as_line(std::string_view bytes, std::size_t most);

}  // namespace gatehouse::store
