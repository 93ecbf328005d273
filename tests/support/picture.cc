#include "support/picture.h"

#include "support/process.h"

namespace gatehouse::test {
namespace {

constexpr long most_differing = 8000;  // about one of a hundred

constexpr long of_other_sizes = 1'000'000'000;

}  // namespace

long differing_pixels(const std::string& one, const std::string& other, const std::string& area) {
  const auto part = area.empty() ? "" : "[" + area + "]";
  const auto compared = run_command({"compare", "-metric", "AE", "-fuzz", "12%", one + part, other + part, "null:"});
  return compared.exit_code > 1 ? of_other_sizes : static_cast<long>(std::stod(compared.errors));
}

bool alike(const std::string& one, const std::string& other) {
  return !one.empty() && !other.empty() && differing_pixels(one, other) < most_differing;
}

std::string last_picture(const TemporaryDirectory& directory, const std::filesystem::path& video) {
  const auto frame = (directory.path() / (video.stem().string() + ".png")).string();
  std::filesystem::remove(frame);
  const auto taken = run_command({"ffmpeg", "-y", "-loglevel", "error", "-i", video.string(), "-update", "1", frame});
  return taken.exit_code == 0 && std::filesystem::exists(frame) ? frame : std::string();
}

}  // namespace gatehouse::test
