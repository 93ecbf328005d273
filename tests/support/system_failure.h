// What a fixture throws when the system refused it something: the text, with what errno says.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace gatehouse::test {

[[noreturn]] inline void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace gatehouse::test
