// The command against a daemon that keeps a policy: it applies what it is sent as the real one does, and remembers
// every version.
#pragma once

#include <map>

#include "policy/loader.h"
#include "unit/cli_command.h"

namespace gatehouse::cli {

class PolicyCommand : public Command {
 protected:
  PolicyCommand() {
    daemon().scripts["policy_text"] = [this]() -> admin::Outcome {
      const auto wanted = daemon().version_asked.value_or(version_);
      if (!texts_.contains(wanted)) {
        return std::unexpected(test::fault(404, "there is no policy version " + std::to_string(wanted), "look"));
      }
      return json{{"version", wanted},
                  {"policy_version", version_},
                  {"author", "uid 0 (root)"},
                  {"applied_at", "2026-11-23T08:00:00Z"},
                  {"text", texts_.at(wanted)}};
    };
    daemon().scripts["plan"] = [this] { return take(false); };
    daemon().scripts["apply"] = [this] { return take(true); };
  }

  [[nodiscard]] policy::Document document() const { return loaded(texts_.at(version_)); }
  // Another operator's change.
  void put(const std::string& text) {
    static_cast<void>(loaded(text));
    texts_[++version_] = text;
  }
  void expect_ok(const std::vector<std::string>& arguments) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.code, exit_ok) << testing::PrintToString(arguments) << outcome.err;
  }
  // Refused with this on the error stream, and the policy is as it was.
  void expect_refused(const std::vector<std::string>& arguments, const std::string& what, int code = exit_failed) {
    const auto before = version_;
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.code, code) << testing::PrintToString(arguments) << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr(what)) << testing::PrintToString(arguments);
    EXPECT_EQ(version_, before);
  }
  static policy::Document loaded(const std::string& text) {
    auto document = policy::load({{"text", text}});
    if (!document) throw std::runtime_error(document.error().text());
    return *document;
  }

  std::uint64_t version_ = 0;
  std::map<std::uint64_t, std::string> texts_{{0, ""}};

 private:
  admin::Outcome take(bool apply) {
    if (apply && daemon().expected_version != version_) {
      return std::unexpected(
          test::fault(409, "the policy is at version " + std::to_string(version_) + " now", "again"));
    }
    const auto wanted = policy::load(daemon().texts);
    if (!wanted) return std::unexpected(test::fault(400, "the policy has faults", "mend them"));
    const auto changes = policy::difference(document(), *wanted);
    auto list = json::array();
    for (const auto& change : changes) {
      const char* verb = change.verb == policy::Change::Verb::add      ? "add"
                         : change.verb == policy::Change::Verb::remove ? "remove"
                                                                       : "modify";
      list.push_back({{"verb", verb}, {"section", change.section}, {"name", change.name}, {"details", change.details}});
    }
    if (apply && !changes.empty()) texts_[++version_] = policy::to_yaml(*wanted);
    return json{{"policy_version", version_},
                {"changes", std::move(list)},
                {"text", policy::text_of(changes)},
                {"sessions_ended", 1},
                {"verdicts_removed", 2}};
  }
};

}  // namespace gatehouse::cli
