// Daemon: the bans of a RustDesk console that is followed (daemon/console_follower.h). What was found is taken over in
// steps, between which control does everything else; each is done as an operator's change would be.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "daemon/daemon.h"

namespace gatehouse::daemon {
namespace {

// As many bans at once as took so long before: what one costs depends on the machine, the sessions and the other bans.
constexpr std::chrono::milliseconds wanted_step{15};
constexpr std::size_t first_at_once = 100;
constexpr std::size_t fewest_at_once = 20;
constexpr std::size_t most_at_once = 2'000;

std::size_t next_step(std::size_t step, std::chrono::steady_clock::duration took) {
  const auto fitting = static_cast<double>(step) * std::chrono::duration<double>(wanted_step) / took;
  return static_cast<std::size_t>(
      std::clamp(fitting, double{fewest_at_once}, std::min(double{most_at_once}, 2.0 * static_cast<double>(step))));
}

template <typename Row>
std::vector<Row> take_last(std::vector<Row>& rows, std::size_t most) {
  const auto from = rows.end() - static_cast<std::ptrdiff_t>(std::min(rows.size(), most));
  std::vector<Row> taken(std::make_move_iterator(from), std::make_move_iterator(rows.end()));
  rows.erase(from, rows.end());
  return taken;
}

}  // namespace

void Daemon::begin_console() {
  console_.reset();
  console_timer_.cancel();
  console_finding_ = {};
  console_busy_ = false;
  console_anew_ = true;
  const auto number = ++console_number_;
  if (!configuration_.device_bans) {
    alarms_.clear("device_bans");
    return;
  }
  console_ = std::make_unique<ConsoleFollower>(
      configuration_.device_bans->file, *store_, [this, number](ConsoleFinding finding) {
        boost::asio::post(context_, [this, number, found = std::move(finding)]() mutable {
          if (number == console_number_ && console_) take_console(std::move(found));
        });
      });
  look_at_console();
  every(console_timer_, configuration_.device_bans->every, &Daemon::look_at_console);
}

void Daemon::look_at_console() {
  if (console_busy_ || !console_) return;
  console_busy_ = true;
  console_->look(snapshot_.bans, std::exchange(console_anew_, false));
}

void Daemon::take_console(ConsoleFinding finding) {
  if (finding.fault) alarms_.raise("device_bans", *finding.fault);
  console_finding_ = std::move(finding);
  console_step_ = first_at_once;
  take_console_step();
}

void Daemon::take_console_step() {
  auto& [fault, missing, surplus] = console_finding_;
  if (missing.empty() && surplus.empty()) {
    if (!fault) alarms_.clear("device_bans");
    console_busy_ = false;
    return;
  }
  const auto began = std::chrono::steady_clock::now();
  const auto done = take_console_bans(console_step_);
  const auto took = std::chrono::steady_clock::now() - began;
  console_step_ =
      next_step(console_step_, std::max<std::chrono::steady_clock::duration>(took, std::chrono::microseconds(1)));
  if (!done) {
    alarms_.raise("device_bans",
                  {"the console's bans are not all taken over: " + done.error().error.what, done.error().error.mend});
    console_finding_ = {};
    console_anew_ = true;
    console_busy_ = false;
    return;
  }
  boost::asio::post(context_, [this, number = console_number_] {
    if (number == console_number_ && console_) take_console_step();
  });
}

// New ones first: who is banned under another id now is never without a ban in between.
admin::Outcome Daemon::take_console_bans(std::size_t most) {
  if (!console_finding_.missing.empty()) {
    std::vector<admin::BanRequest> requests;
    for (auto& ban : take_last(console_finding_.missing, most)) {
      // An operator may have banned it since.
      if (snapshot_.bans->names().find(policy::Subject::device, ban.id, now()) != nullptr) continue;
      auto reason = store::reason_of(ban);
      requests.push_back({.target = policy::NamedTarget{policy::Subject::device, std::move(ban.id)},
                          .reason = std::move(reason),
                          .expires = std::nullopt});
    }
    return requests.empty() ? admin::Outcome() : add_bans_of(requests, console_author);
  }
  // By their ids: what an operator has put in the place of one since has another.
  return remove_bans_of({.targets = {}, .ids = take_last(console_finding_.surplus, most)}, console_author);
}

}  // namespace gatehouse::daemon
