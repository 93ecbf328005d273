// Pictures and recordings, looked at with the tools that everybody has (ImageMagick, ffmpeg).
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/directories.h"
#include "support/process.h"

namespace gatehouse::test {

// Pixels in which two pictures differ by more than a codec's loss; `area`: "WxH+X+Y", or all. Of other sizes: all.
inline long differing_pixels(const std::string& one, const std::string& other, const std::string& area = {}) {
  const auto part = area.empty() ? "" : "[" + area + "]";
  const auto done = run_command({"compare", "-metric", "AE", "-fuzz", "12%", one + part, other + part, "null:"});
  if (done.exit_code > 1) return 1'000'000'000;
  return static_cast<long>(std::stod(done.errors));
}

// Its upper left corner.
inline bool is_of_colour(const std::string& picture, const std::string& colour) {
  const auto done = run_command({"compare", "-metric", "AE", "-fuzz", "12%", picture + "[100x100+0+0]", "(", "-size",
                                 "100x100", "xc:" + colour, ")", "null:"});
  return done.exit_code == 0;
}

// The last picture of a recording so far, as a file; or an empty path.
inline std::string last_picture(const std::filesystem::path& video, const TemporaryDirectory& directory) {
  const auto frame = (directory.path() / "recorded.png").string();
  std::filesystem::remove(frame);
  run_command({"ffmpeg", "-y", "-loglevel", "error", "-i", video.string(), "-update", "1", frame});
  return std::filesystem::exists(frame) ? frame : std::string();
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
