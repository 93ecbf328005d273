#include "cli/completion.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <set>
#include <vector>

namespace gatehouse::cli {
namespace {

struct CompletedOption {
  std::string name;  // "--json"
  std::string description;
  bool takes_value = false;
};

// A verb with what can follow it. Its path begins with a space, for each word of it has one before it: " ban add".
struct CompletedVerb {
  std::string path;
  std::vector<std::pair<std::string, std::string>> verbs;  // with their descriptions
  std::vector<CompletedOption> options;
};

std::vector<CompletedOption> options_of(const CLI::App& app) {
  std::vector<CompletedOption> options;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      options.push_back({"--" + name, option->get_description(), option->get_items_expected_max() > 0});
    }
  }
  return options;
}

// Options of the command itself may stand behind every verb.
void collect(const CLI::App& app, const std::string& path, const std::vector<CompletedOption>& global,
             std::vector<CompletedVerb>& verbs) {
  CompletedVerb verb{path, {}, options_of(app)};
  for (const auto& option : global) {
    if (std::ranges::find(verb.options, option.name, &CompletedOption::name) == verb.options.end()) {
      verb.options.push_back(option);
    }
  }
  const auto below = app.get_subcommands([](const CLI::App* /*any*/) { return true; });
  for (const auto* sub : below) verb.verbs.emplace_back(sub->get_name(), sub->get_description());
  verbs.push_back(std::move(verb));
  for (const auto* sub : below) collect(*sub, path + " " + sub->get_name(), global, verbs);
}

std::vector<CompletedVerb> all_verbs(const CLI::App& app) {
  std::vector<CompletedVerb> verbs;
  auto global = options_of(app);
  std::erase_if(global, [](const CompletedOption& option) { return option.name == "--version"; });
  collect(app, "", global, verbs);
  return verbs;
}

// In single quotes, as each of the shells takes it. `quote_in_quotes` is how a ' is written there.
std::string quoted(const std::string& text, const std::string& quote_in_quotes = "'\\''") {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? quote_in_quotes : std::string(1, c);
  return result + "'";
}

// 'a'|'b': a pattern of bash and zsh, and with spaces between, a list of fish.
std::string joined(const std::set<std::string>& words, const std::string& between) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : between) + quoted(word);
  return text;
}

std::set<std::string> paths_of(const std::vector<CompletedVerb>& verbs) {
  std::set<std::string> paths;
  for (const auto& verb : verbs) {
    if (!verb.path.empty()) paths.insert(verb.path);
  }
  return paths;
}

// Behind these comes a value, which is no verb.
std::set<std::string> options_with_value(const std::vector<CompletedVerb>& verbs) {
  std::set<std::string> options;
  for (const auto& verb : verbs) {
    for (const auto& option : verb.options) {
      if (option.takes_value) options.insert(option.name);
    }
  }
  return options;
}

// What bash and zsh have in common: `at` becomes the path of the verb before the word under the cursor.
std::string walk(const std::vector<CompletedVerb>& verbs, const std::string& first, const std::string& cursor,
                 const std::string& words) {
  return "  local at='' token skip='' i\n"
         "  for ((i = " +
         first + "; i < " + cursor +
         "; i++)); do\n"
         "    token=${" +
         words +
         "[i]}\n"
         "    if [[ -n $skip ]]; then skip=''; continue; fi\n"
         "    case $token in\n"
         "      " +
         joined(options_with_value(verbs), "|") +
         ") skip=1; continue ;;\n"
         "    esac\n"
         "    case \"$at $token\" in\n"
         "      " +
         joined(paths_of(verbs), "|") +
         ") at+=\" $token\" ;;\n"
         "    esac\n"
         "  done\n";
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  const auto verbs = all_verbs(app);
  std::string text =
      "# Completion of gatehouse for bash. To load it: source <(gatehouse completion bash)\n"
      "_gatehouse() {\n";
  text += walk(verbs, "1", "COMP_CWORD", "COMP_WORDS");
  text += "  local words=''\n  COMPREPLY=()\n  if [[ -n $skip ]]; then return; fi\n  case $at in\n";
  for (const auto& verb : verbs) {
    std::string words;
    std::string options;
    for (const auto& [name, description] : verb.verbs) words += (words.empty() ? "" : " ") + name;
    for (const auto& option : verb.options) options += (options.empty() ? "" : " ") + option.name;
    text.append("    ").append(quoted(verb.path)).append(") if [[ $2 == -* ]]; then words='").append(options);
    text.append("'; else words='").append(words).append("'; fi ;;\n");
  }
  return text +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$2\"))\n"
         "}\n"
         "complete -o bashdefault -o default -F _gatehouse gatehouse\n";
}

std::string zsh_completion(const CLI::App& app) {
  const auto verbs = all_verbs(app);
  // A colon ends the word, before its description.
  const auto entry = [](const std::string& name, const std::string& description) {
    return " " + quoted(name + ":" + description);
  };
  std::string text =
      "#compdef gatehouse\n"
      "# Completion of gatehouse for zsh. To load it: source <(gatehouse completion zsh)\n"
      "_gatehouse() {\n";
  text += walk(verbs, "2", "CURRENT", "words");
  text +=
      "  if [[ -n $skip ]]; then _files; return; fi\n"
      "  local -a verbs options\n"
      "  case $at in\n";
  for (const auto& verb : verbs) {
    text += "    " + quoted(verb.path) + ")\n      verbs=(";
    for (const auto& [name, description] : verb.verbs) text += entry(name, description);
    text += " )\n      options=(";
    for (const auto& option : verb.options) text += entry(option.name, option.description);
    text += " ) ;;\n";
  }
  return text +
         "  esac\n"
         "  if [[ ${words[CURRENT]} == -* ]]; then _describe option options\n"
         "  elif (( ${#verbs} )); then _describe verb verbs\n"
         "  else _files\n"
         "  fi\n"
         "}\n"
         "if [[ ${funcstack[1]} == _gatehouse ]]; then _gatehouse \"$@\"  # autoloaded\n"
         "else compdef _gatehouse gatehouse\n"
         "fi\n";
}

std::string fish_completion(const CLI::App& app) {
  const auto verbs = all_verbs(app);
  const std::string quote = "\\'";
  std::string text =
      "# Completion of gatehouse for fish. To load it: gatehouse completion fish | source\n"
      "function __gatehouse_at\n"
      "  set -l at ''\n"
      "  set -l skip ''\n"
      "  for token in (commandline -opc)[2..-1]\n"
      "    if test -n \"$skip\"\n"
      "      set skip ''\n"
      "      continue\n"
      "    end\n"
      "    switch $token\n"
      "      case " +
      joined(options_with_value(verbs), " ") +
      "\n"
      "        set skip 1\n"
      "        continue\n"
      "    end\n"
      "    switch \"$at $token\"\n"
      "      case " +
      joined(paths_of(verbs), " ") +
      "\n"
      "        set at \"$at $token\"\n"
      "    end\n"
      "  end\n"
      "  test \"$at\" = \"$argv[1]\"\n"
      "end\n";
  for (const auto& verb : verbs) {
    const auto condition = "complete -c gatehouse -n " + quoted("__gatehouse_at \"" + verb.path + "\"", quote);
    for (const auto& [name, description] : verb.verbs) {
      text += condition + " -f -a " + quoted(name) + " -d " + quoted(description, quote) + "\n";
    }
    for (const auto& option : verb.options) {
      text += condition + " -l " + quoted(option.name.substr(2)) + (option.takes_value ? " -r" : "") + " -d " +
              quoted(option.description, quote) + "\n";
    }
  }
  return text;
}

}  // namespace gatehouse::cli
