// What a test makes outside its own process (namespaces, mounts, directories) carries its owner's process id in the
// name, so that a later run can tell what a crash left behind and remove it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace gatehouse::test {

// "gh-<pid>-<number>", never given twice by one process.
std::string unique_name();

// The process id in a name made by unique_name(); nothing for any other name.
std::optional<pid_t> owner_of(std::string_view name);

// True for a name of unique_name() whose process no longer exists.
bool is_left_over(std::string_view name);

}  // namespace gatehouse::test
