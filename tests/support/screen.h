// A display that nobody sees (Xvfb), for programs that need one.
//
// Threads: one. Errors: std::runtime_error with what the server or the tool said.
#pragma once

#include <map>
#include <string>

#include "support/directories.h"
#include "support/process.h"

namespace gatehouse::test {

class Screen {
 public:
  Screen();
  // For programs that shall show themselves on it.
  [[nodiscard]] std::map<std::string, std::string> environment() const { return {{"DISPLAY", name_}}; }
  // A picture of it: the path of a PNG file in `directory`.
  [[nodiscard]] std::string shot(const TemporaryDirectory& directory, const std::string& name) const;

 private:
  Process server_;
  std::string name_;
};

}  // namespace gatehouse::test
