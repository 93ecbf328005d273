// The machine's fitness, for `gatehouse doctor`: kernel, BTF, bpffs, capabilities, forwarding, reverse path filter,
// conflicting rules, missing modules, limits. Reads only (the questions of nft_probe.h and features.h leave no trace);
// needs no daemon. Every finding says what is wrong and how to mend it; what is fine is said as well, so that a reader
// sees what was looked at.
//
// It judges the network namespace, the limits and the capabilities of the process that calls it. Threads: any.
#pragma once

#include <string>
#include <vector>

#include "kernel/dataplane.h"

namespace gatehouse::kernel {

struct Finding {
  // failure: the gate does not work, or lets something through; warning: it works, but not for everybody or not at its
  // best
  enum class Level { ok, warning, failure } level = Level::ok;
  std::string subject;  // "bpffs"
  std::string what;     // "/sys/fs/bpf is not a bpffs"
  std::string mend;     // "mount -t bpf bpf /sys/fs/bpf"
};

std::vector<Finding> examine(const DataplaneOptions& options);

}  // namespace gatehouse::kernel
