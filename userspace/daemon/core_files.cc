#include "daemon/core_files.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>

namespace gatehouse::daemon {

Result<void> forbid_core_files() {
  const rlimit none{0, 0};
  // The limit alone does not keep the kernel from handing a core to a program (core(5)).
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return system_failure("core files of the daemon cannot be forbidden", errno);
  }
  return {};
}

}  // namespace gatehouse::daemon
