// Files as the verbs read them: policy files, a list of bans.
#pragma once

#include <filesystem>
#include <istream>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/loader.h"

namespace gatehouse::cli {

// "-" is `in`. At most 64 MiB.
Result<std::string> read_text(const std::string& file, std::istream& in);

// The files as named; of a directory its *.yaml, sorted by name. An empty directory and a file named twice are errors.
Result<std::vector<policy::SourceText>> read_policy_files(const std::vector<std::string>& paths);

}  // namespace gatehouse::cli
