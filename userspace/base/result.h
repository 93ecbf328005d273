// Errors as values, for the edges that expect them: bad input, a kernel that refuses, a file that is not there.
// An Error names what went wrong (with the place) and, where somebody can do something about it, the mend.
// What nobody can handle where it happens (a broken invariant, no memory) is an exception instead.
#pragma once

#include <cstring>
#include <expected>
#include <string>
#include <utility>

namespace gatehouse {

struct Error {
  std::string what;
  std::string mend;  // empty: nothing useful to say

  [[nodiscard]] std::string text() const { return mend.empty() ? what : what + ": " + mend; }
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> failure(std::string what, std::string mend = {}) {
  return std::unexpected(Error{std::move(what), std::move(mend)});
}

// "<what>: <strerror(error_number)>".
std::unexpected<Error> system_failure(const std::string& what, int error_number, std::string mend = {});

}  // namespace gatehouse
