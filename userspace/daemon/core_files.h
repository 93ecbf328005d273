// The memory of the daemon has keys and, for moments, passwords: none of it goes into a core file, whatever the machine
// does with those.
//
// Source: prctl(2) PR_SET_DUMPABLE, getrlimit(2) RLIMIT_CORE, core(5).
#pragma once

#include "base/result.h"

namespace gatehouse::daemon {

// Of this process; one that it starts has it anew.
Result<void> forbid_core_files();

}  // namespace gatehouse::daemon
