// Whether the other side of a channel still answers: it is asked every two seconds, and five questions in a row without
// an answer say that it does not. They are counted, not timed: who was stopped himself blames nobody.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>

namespace gatehouse::rdp {

class Heartbeat {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds between_questions{2};
  static constexpr unsigned most_unanswered = 5;

  enum class Step : std::uint8_t { wait, ask, stuck };
  // What is to be done now; having said `ask` it counts on the question being sent.
  Step look(Time now) {
    if (now < next_) return Step::wait;
    if (unanswered_ >= most_unanswered) return Step::stuck;
    next_ = now + between_questions;
    ++unanswered_;
    return Step::ask;
  }
  void answered() { unanswered_ = 0; }

 private:
  Time next_{};
  unsigned unanswered_ = 0;
};

}  // namespace gatehouse::rdp
