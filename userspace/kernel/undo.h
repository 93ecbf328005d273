// Steps to take back, last first, unless the whole went well.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace gatehouse::kernel {

class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) (*step)();
  }

  void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void keep_all() { steps_.clear(); }

 private:
  std::vector<std::function<void()>> steps_;
};

}  // namespace gatehouse::kernel
