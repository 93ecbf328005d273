#include "support/patience.h"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

namespace gatehouse::test {

namespace {

double read_factor() {
  const char* text = std::getenv("GATEHOUSE_TEST_PATIENCE");  // NOLINT(concurrency-mt-unsafe): nobody changes it
  if (text == nullptr || *text == '\0') return 1;
  const double factor = std::strtod(text, nullptr);
  if (!(factor >= 1)) throw std::runtime_error("GATEHOUSE_TEST_PATIENCE wants a number of at least 1");
  return factor;
}

}  // namespace

std::chrono::milliseconds patiently(std::chrono::milliseconds limit) {
  static const double factor = read_factor();
  return std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(limit.count()) * factor));
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + patiently(limit);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace gatehouse::test
