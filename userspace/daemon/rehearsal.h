// Before a daemon ends itself to be executed anew: whether the binary that would follow runs, and takes the
// configuration and this machine. It is run with --check-config; what it says comes back as the error. Threads: any;
// blocks until the child has ended, ten seconds at most. The child is reaped.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace gatehouse::daemon {

Result<void> rehearse_start(const std::filesystem::path& binary, const std::filesystem::path& configuration_file);

}  // namespace gatehouse::daemon
