// Scripts with which shells complete verbs and options, made of the tree of verbs itself.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace gatehouse::cli {

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace gatehouse::cli
