// Completion, by the shells themselves where they are installed.
#include <array>

#include "support/process.h"
#include "unit/cli_command.h"

namespace gatehouse::cli {
namespace {

class Completion : public Command {
 protected:
  std::string script(const std::string& shell) {
    const auto outcome = run({"completion", shell});
    EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
    return outcome.out;
  }
  // What bash offers for the last of these words.
  std::string offered(const std::vector<std::string>& words) {
    std::string program = ". " + write("gatehouse.bash", script("bash")) + "\nCOMP_WORDS=(";
    for (const auto& word : words) program += "'" + word + "' ";
    program += ")\nCOMP_CWORD=" + std::to_string(words.size() - 1) + "\n_gatehouse gatehouse '" + words.back() +
               "' ''\necho \"${COMPREPLY[*]}\"\n";
    const auto result = test::run_command({"bash", "-c", program});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(result.errors, "");
    return result.output;
  }
};

TEST_F(Completion, BashOffersVerbsAndOptionsWhereTheyBelong) {
  EXPECT_EQ(offered({"gatehouse", "rev"}), "revoke\n");
  EXPECT_EQ(offered({"gatehouse", "user", "source", ""}), "add remove\n");
  EXPECT_EQ(offered({"gatehouse", "user", "add", "bob", "--sou"}), "--source\n");
  EXPECT_EQ(offered({"gatehouse", "--json", "pool", "a"}), "add assign\n");
  EXPECT_EQ(offered({"gatehouse", "--socket", "user", "a"}), "apply audit account\n")
      << "the value of an option is no verb";
  EXPECT_EQ(offered({"gatehouse", "grant", "add", "--until", "f"}), "\n");
  EXPECT_THAT(offered({"gatehouse", "grant", "add", "bob", "win1", "--"}), HasSubstr("--weekdays"));
  EXPECT_THAT(offered({"gatehouse", "grant", "add", "--"}), HasSubstr("--json"));
}

TEST_F(Completion, EveryVerbIsInEveryScript) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const auto text = script(shell);
    for (const char* word :
         {" status", " apply", " ban add", " device approve", " sessions kill", " policy rollback", " pool assign",
          " server-group member add", " grant add", " maintenance remove", " completion fish"}) {
      EXPECT_THAT(text, HasSubstr(word)) << shell;
    }
    EXPECT_THAT(text, HasSubstr("session-limit")) << shell;
  }
}

TEST_F(Completion, TheShellsTakeTheirScripts) {
  const std::vector<std::vector<std::string>> shells{{"bash", "-n"}, {"zsh", "-n"}, {"fish", "--no-execute"}};
  for (auto command : shells) {
    const auto shell = command.front();
    if (test::run_command({"sh", "-c", "command -v " + shell}).exit_code != 0) continue;
    command.push_back(write("script." + shell, script(shell)));
    const auto result = test::run_command(command);
    EXPECT_EQ(result.exit_code, 0) << shell << ": " << result.errors;
    EXPECT_EQ(result.errors, "") << shell;
  }
}

}  // namespace
}  // namespace gatehouse::cli
