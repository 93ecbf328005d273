// What every verb has at hand: where the daemon is, how to ask it, and how to report.
#pragma once

#include <chrono>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/strict_yaml.h"
#include "cli/run.h"

namespace CLI {
class App;
}

namespace gatehouse::cli {

class Context {
 public:
  explicit Context(const Console& console) : console_(console) {}

  [[nodiscard]] const Console& console() const { return console_; }
  [[nodiscard]] std::ostream& out() const { return console_.out; }

  // The body of a 200. Otherwise the fault has been reported, and the exit code is the error.
  std::expected<nlohmann::json, int> ask(const std::string& method, const std::string& target,
                                         const nlohmann::json& body = nullptr,
                                         std::chrono::seconds timeout = std::chrono::seconds(60)) const;

  // The same; nothing where the daemon says that something changed in between (409), which is not reported.
  std::optional<std::expected<nlohmann::json, int>> ask_unless_conflict(
      const std::string& method, const std::string& target, const nlohmann::json& body,
      std::chrono::seconds timeout = std::chrono::seconds(60)) const;

  // Reports on the error stream, or as JSON on the output with --json; gives `code` back.
  int fail(const Error& error, int code = exit_failed) const;
  int fail(const Error& error, const Issues& issues, int code) const;
  void print_json(const nlohmann::json& body) const;       // indented, ASCII only
  void print_json_line(const nlohmann::json& body) const;  // one line, flushed

  std::filesystem::path socket;
  bool json = false;

  // The verbs' actions, by the subcommand that asks for them.
  std::map<const CLI::App*, std::function<int()>> actions;

 private:
  std::optional<std::expected<nlohmann::json, int>> asked(const std::string& method, const std::string& target,
                                                          const nlohmann::json& body, std::chrono::seconds timeout,
                                                          bool conflict_is_expected) const;
  int report(const nlohmann::json& body, int code) const;

  const Console& console_;
};

}  // namespace gatehouse::cli
