// Recordings, as tests look at them.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/directories.h"
#include "support/picture.h"
#include "support/process.h"

namespace gatehouse::test {

// Its upper left corner.
inline bool is_of_colour(const std::string& picture, const std::string& colour) {
  const auto done = run_command({"compare", "-metric", "AE", "-fuzz", "12%", picture + "[100x100+0+0]", "(", "-size",
                                 "100x100", "xc:" + colour, ")", "null:"});
  return done.exit_code == 0;
}

inline std::vector<nlohmann::json> events_of(const std::filesystem::path& recording, const std::string& kind = {}) {
  std::ifstream stream(recording / "events.jsonl");
  std::vector<nlohmann::json> all;
  for (std::string line; std::getline(stream, line);) {
    auto event = nlohmann::json::parse(line);
    if (kind.empty() || event.at("event") == kind) all.push_back(std::move(event));
  }
  return all;
}

}  // namespace gatehouse::test
