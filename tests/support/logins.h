// Files of logins (utmp, wtmp) of a test, and what the machine's own commands show of them. Times are those of UTC.
// Errors: std::runtime_error with what a command said.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/directories.h"

namespace gatehouse::test {

class LoginFiles {
 public:
  LoginFiles();  // both empty

  [[nodiscard]] const std::filesystem::path& utmp() const { return utmp_; }
  [[nodiscard]] const std::filesystem::path& wtmp() const { return wtmp_; }

  // `who` of utmp: a line each, blanks made single: "bob rdp0 Nov 24 08:20 (192.0.2.10)".
  [[nodiscard]] std::vector<std::string> who() const;
  // `last` of wtmp, the newest first: "bob rdp0 192.0.2.10 Tue Nov 24 08:20:11 2026 - Tue Nov 24 08:25:12 2026
  // (00:05)".
  [[nodiscard]] std::vector<std::string> last() const;

 private:
  TemporaryDirectory directory_;
  std::filesystem::path utmp_;
  std::filesystem::path wtmp_;
};

}  // namespace gatehouse::test
