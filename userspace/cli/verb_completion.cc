#include <CLI/CLI.hpp>

#include "cli/completion.h"
#include "cli/verbs.h"

namespace gatehouse::cli {

void add_completion_verb(CLI::App& app, Context& context) {
  auto* completion = app.add_subcommand("completion", "Print a script with which a shell completes verbs and options");
  completion->require_subcommand(0, 1);
  completion->footer("Example: gatehouse completion bash > /etc/bash_completion.d/gatehouse");
  const auto add = [&](const char* shell, const char* help, const char* example,
                       std::string (*script)(const CLI::App&)) {
    auto* verb = completion->add_subcommand(shell, help);
    verb->footer(std::string("Example: ") + example);
    // The tree of verbs is whole when the action runs.
    context.actions[verb] = [&app, &context, script] {
      if (context.json) {
        context.print_json({{"script", script(app)}});
      } else {
        context.out() << script(app);
      }
      return exit_ok;
    };
  };
  add("bash", "For bash", "gatehouse completion bash > /etc/bash_completion.d/gatehouse", bash_completion);
  add("zsh", "For zsh", "gatehouse completion zsh > /usr/local/share/zsh/site-functions/_gatehouse", zsh_completion);
  add("fish", "For fish", "gatehouse completion fish > /etc/fish/completions/gatehouse.fish", fish_completion);
}

}  // namespace gatehouse::cli
