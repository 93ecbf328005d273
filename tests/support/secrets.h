// Where a secret stands that should stand nowhere: as it is typed (UTF-8) and as Windows writes it (UTF-16LE).
//
// Threads: one. Errors: std::runtime_error for a file that cannot be read.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gatehouse::test {

[[nodiscard]] bool holds(std::string_view text, std::string_view secret);

// The regular files below those of these directories that exist which hold it, whatever they are for.
[[nodiscard]] std::vector<std::filesystem::path> files_that_hold(std::string_view secret,
                                                                 const std::vector<std::filesystem::path>& directories);

}  // namespace gatehouse::test
