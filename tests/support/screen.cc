#include "support/screen.h"

#include <chrono>
#include <stdexcept>

namespace gatehouse::test {

Screen::Screen() : server_({"Xvfb", "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset"}) {
  if (!server_.wait_for_output("^[0-9]+", std::chrono::seconds(20)))
    throw std::runtime_error("no Xvfb: " + server_.errors());
  name_ = ":" + server_.output().substr(0, server_.output().find('\n'));
}

std::string Screen::shot(const TemporaryDirectory& directory, const std::string& name) const {
  const auto file = (directory.path() / (name + ".png")).string();
  const auto taken = run_command({"import", "-display", name_, "-window", "root", file});
  if (taken.exit_code != 0) throw std::runtime_error("no picture of the display: " + taken.errors);
  return file;
}

}  // namespace gatehouse::test
