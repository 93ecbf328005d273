// What a worker gives away before it looks at a byte of a client: user, capabilities, what it could make of the network
// and of other programs, and most of its limits. What stays: its descriptors, its memory, its threads.
//
// Sources: seccomp(2), prctl(2), capabilities(7), getrlimit(2).
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"

namespace gatehouse::rdp {

struct Confinement {
  std::optional<unsigned> uid;  // and a group of the same number; nullopt: as it was started
  std::uint64_t memory_bytes = 2ULL << 30U;
  std::uint64_t descriptors = 256;
  std::uint64_t cpu_seconds = 24ULL * 3600 * 8;
};

// Of the whole process: call it before there is a second thread. Error: nothing is to be served then.
Result<void> confine(const Confinement& wanted);

}  // namespace gatehouse::rdp
