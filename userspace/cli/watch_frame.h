// One frame of `gatehouse watch`, as lines of text. Pure: what was read goes in, what is drawn comes out.
#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/time.h"

namespace gatehouse::cli {

struct Reading {
  WallTime time;
  std::chrono::steady_clock::time_point taken;
  nlohmann::json status;    // null: the daemon did not answer, and `fault` says why
  nlohmann::json sessions;  // list, newest first
  nlohmann::json denials;   // list, newest first
  std::string fault;
};

struct FrameSize {
  std::size_t columns = 0;  // 0: no limit
  std::size_t rows = 0;     // 0: no limit
};

// `before`: the reading that rates are reckoned from; null: no rates yet.
std::vector<std::string> frame_of(const Reading& reading, const Reading* before, const FrameSize& size);

}  // namespace gatehouse::cli
