// The whole command, from its arguments to its exit code, against a daemon that answers what it is told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "admin/query.h"
#include "cli/run.h"
#include "unit/admin_fake_operations.h"

namespace gatehouse::cli {

using nlohmann::json;
using testing::HasSubstr;
using testing::Test;

class Command : public Test {
 protected:
  struct Outcome {
    int code = -1;
    std::string out;
    std::string err;
  };

  Outcome run(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), {"gatehouse", "--socket", server_.socket().string()});
    return run_bare(arguments, input);
  }
  Outcome run_bare(const std::vector<std::string>& arguments, const std::string& input = {}) {
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    const Console console{in, out, err, -1, "9.8.7", [this](std::chrono::milliseconds) { return pause(); }};
    const int code = cli::run(static_cast<int>(argv.size()), argv.data(), console);
    return {code, out.str(), err.str()};
  }
  bool pause() {
    if (pauses_.empty()) return false;
    const auto step = pauses_.front();
    pauses_.erase(pauses_.begin());
    step();
    return true;
  }
  std::string write(const std::string& name, const std::string& text) {
    const auto path = server_.directory() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  test::FakeOperations& daemon() { return server_.operations; }
  void answers(const std::string& verb, const char* text) {
    daemon().outcomes.insert_or_assign(verb, json::parse(text));
  }

  test::RunningServer server_;
  std::vector<std::function<void()>> pauses_;
};

}  // namespace gatehouse::cli
