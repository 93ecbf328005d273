// A password as the command takes it: a line of the standard input, or typed on a terminal that shows nothing of it,
// twice. Never an argument, which every user of the machine could read.
#pragma once

#include "base/result.h"
#include "cli/run.h"

namespace gatehouse::cli {

// `what` it is for: the prompt on a terminal ("Password of account bob").
Result<std::string> read_password(const Console& console, const std::string& what);

}  // namespace gatehouse::cli
