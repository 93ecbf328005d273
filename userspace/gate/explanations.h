// How many denied clients are being told why at once: each takes a worker and a handshake, so there are few places, and
// fewer for each source. Who finds none is denied without a word.
//
// Threads: any.
#pragma once

#include <map>
#include <mutex>

#include "base/address.h"

namespace gatehouse::gate {

class Explanations {
 public:
  static constexpr std::size_t most = 16;
  static constexpr unsigned most_of_a_source = 2;

  bool begin(const Address& source) {
    const std::lock_guard lock(mutex_);
    if (all_ >= most) return false;
    auto& here = sources_[source];
    if (here >= most_of_a_source) return false;
    ++here;
    ++all_;
    return true;
  }
  void end(const Address& source) {
    const std::lock_guard lock(mutex_);
    const auto found = sources_.find(source);
    if (found == sources_.end()) return;
    --all_;
    if (--found->second == 0) sources_.erase(found);
  }

 private:
  std::mutex mutex_;
  std::map<Address, unsigned> sources_;
  std::size_t all_ = 0;
};

}  // namespace gatehouse::gate
