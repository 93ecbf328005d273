// Time limits of tests. A limit says when to give up on something that ought to be quick; in an emulator or under a
// sanitizer everything is slower, and GATEHOUSE_TEST_PATIENCE (a factor, default 1) says by how much.
#pragma once

#include <chrono>
#include <functional>

namespace gatehouse::test {

std::chrono::milliseconds patiently(std::chrono::milliseconds limit);

// Asks every few milliseconds until it is true; false when patiently(limit) is over.
[[nodiscard]] bool eventually(const std::function<bool()>& condition,
                              std::chrono::milliseconds limit = std::chrono::seconds(5));

}  // namespace gatehouse::test
