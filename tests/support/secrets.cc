#include "support/secrets.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace gatehouse::test {

bool holds(std::string_view text, std::string_view secret) {
  std::string wide;
  for (const char each : secret) wide.append({each, '\0'});
  return text.find(secret) != std::string_view::npos || text.find(wide) != std::string_view::npos;
}

std::vector<std::filesystem::path> files_that_hold(std::string_view secret,
                                                   const std::vector<std::filesystem::path>& directories) {
  std::vector<std::filesystem::path> found;
  for (const auto& directory : directories) {
    if (!std::filesystem::exists(directory)) continue;  // nobody has made it
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream stream(entry.path(), std::ios::binary);
      if (!stream && entry.exists()) throw std::runtime_error("unreadable: " + entry.path().string());
      const std::string content{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
      if (holds(content, secret)) found.push_back(entry.path());
    }
  }
  return found;
}

}  // namespace gatehouse::test
