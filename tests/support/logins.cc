#include "support/logins.h"

#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "support/patience.h"
#include "support/process.h"

namespace gatehouse::test {
namespace {

std::vector<std::string> lines_of(const std::vector<std::string>& command) {
  const auto result = run_command(command, {.environment = {{"TZ", "UTC"}, {"LC_ALL", "C"}}});
  if (result.exit_code != 0) throw std::runtime_error(command.front() + ": " + result.output + result.errors);
  std::vector<std::string> lines;
  std::istringstream text(result.output);
  for (std::string line; std::getline(text, line);) {
    std::string single;
    std::istringstream words(line);
    for (std::string word; words >> word;) single += (single.empty() ? "" : " ") + word;
    // What `last` says of the file itself.
    if (!single.empty() && single.find(" begins ") == std::string::npos) lines.push_back(single);
  }
  return lines;
}

}  // namespace

LoginFiles::LoginFiles() : utmp_(directory_.write("utmp", "")), wtmp_(directory_.write("wtmp", "")) {}

std::vector<std::string> LoginFiles::who() const {
  return lines_of({"who", utmp_.string()});
}

std::vector<std::string> LoginFiles::last() const {
  // Debian 13 has no command that reads such a file as it is: wtmpdb takes it over into one of its own first.
  if (!std::filesystem::exists("/usr/bin/wtmpdb")) {
    return lines_of({"last", "--ip", "--fullnames", "--fulltimes", "--file", wtmp_.string()});
  }
  const auto database = directory_.path() / "wtmp.db";
  std::filesystem::remove(database);
  static_cast<void>(lines_of({"wtmpdb", "import", "--file", database.string(), wtmp_.string()}));
  return lines_of({"wtmpdb", "last", "--ip", "--fullnames", "--fulltimes", "--file", database.string()});
}

}  // namespace gatehouse::test
