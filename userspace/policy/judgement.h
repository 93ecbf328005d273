// The last steps of a decision, once user and service are known. Private to the engine's files.
#pragma once

#include <optional>
#include <string>

#include "policy/engine.h"

namespace gatehouse::policy {

// Builds the trace; with none asked for, nothing of it (text, memory) happens.
class Way {
 public:
  explicit Way(Trace* trace) : trace_(trace) {}

  [[nodiscard]] bool is_traced() const { return trace_ != nullptr; }
  template <typename Finding>
  void step(const char* subject, bool passed, Finding&& finding) const {
    if (trace_ != nullptr) trace_->push_back({subject, passed, finding()});
  }

 private:
  Trace* trace_;
};

struct Case {
  const Policy& policy;
  const Question& question;
  const Policy::SourceMatch& source;
  const Policy::ServiceMatch& service;
  const Way& way;
};

inline void deny(Decision& decision, Reason reason, std::optional<WallTime> holds_until = std::nullopt) {
  decision.allowed = false;
  decision.reason = reason;
  decision.holds_until = holds_until;
}

inline std::optional<WallTime> unless_never(WallTime time) {
  return time == WallTime::max() ? std::nullopt : std::optional(time);
}

inline std::string until_text(std::optional<WallTime> until) {
  return until ? "until " + format_time(*until) : "for ever";
}

// Whether one rule is better to be named than another that applies as well: the more specific target, then the later
// end, then the name.
struct Standing {
  Rank rank = rank_of_everything;
  WallTime end = WallTime::min();
  std::uint32_t by_name = 0;

  [[nodiscard]] bool before(const Standing& other) const {
    if (rank != other.rank) return rank < other.rank;
    return end != other.end ? end > other.end : by_name < other.by_name;
  }
};

// All fill in `decision`, which is not copied on its way: it is larger than most of what is compared.
//
// judge_denials.cc: true where a denial applies; otherwise `next` is when the first one will.
bool judge_denials(const Case& asked, Decision& decision, WallTime& next);

// judge_grants.cc. Allowed for no longer than `latest`.
void judge_grants(const Case& asked, Decision& decision, WallTime latest);

}  // namespace gatehouse::policy
