#include "daemon/recording_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace gatehouse::daemon {
namespace {

constexpr std::size_t longest_list = 400;  // in the audit

std::string detail_of(const std::vector<rdp::DueRecording>& due, const rdp::RetentionOfRecordings& rules) {
  std::uint64_t bytes = 0;
  for (const auto& each : due) bytes += each.bytes;
  auto text = std::to_string(due.size()) + " recordings, " + std::to_string(bytes) + " bytes, of the sessions " +
              rdp::text_of_sessions(due, longest_list) + "; kept are";
  if (rules.age) text += " those of " + format_duration(*rules.age);
  if (rules.size) text += std::string(rules.age ? ", and" : "") + " " + std::to_string(*rules.size) + " bytes";
  return text;
}

}  // namespace

RecordingKeeper::RecordingKeeper(std::filesystem::path recordings, rdp::RetentionOfRecordings rules, Audit audit)
    : recordings_(std::move(recordings)), audit_(std::move(audit)), rules_(rules), thread_([this] { run(); }) {}

RecordingKeeper::~RecordingKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void RecordingKeeper::set_rules(const rdp::RetentionOfRecordings& rules) {
  {
    const std::lock_guard lock(mutex_);
    rules_ = rules;
    look_now_ = true;
  }
  changed_.notify_all();
}

std::optional<Error> RecordingKeeper::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

rdp::RetentionOfRecordings RecordingKeeper::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

std::uint64_t RecordingKeeper::begin(Wish wish) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++last_number_;
    outcomes_.push_back({.number = number, .dry_run = wish.dry_run});
    if (outcomes_.size() > most_outcomes) outcomes_.pop_front();
    wishes_.emplace_back(number, std::move(wish));
  }
  changed_.notify_all();
  return number;
}

std::optional<RecordingKeeper::Outcome> RecordingKeeper::outcome(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(outcomes_, number, &Outcome::number);
  return found == outcomes_.end() ? std::nullopt : std::optional(*found);
}

void RecordingKeeper::run() {
  std::unique_lock lock(mutex_);
  auto next = std::chrono::steady_clock::now();
  while (true) {
    changed_.wait_until(lock, next, [this] { return stopping_ || look_now_ || !wishes_.empty(); });
    if (stopping_) return;
    std::uint64_t number = 0;
    Wish wish{.rules = rules_};
    if (!wishes_.empty()) {
      std::tie(number, wish) = std::move(wishes_.front());
      wishes_.pop_front();
    } else {
      look_now_ = false;
      next = std::chrono::steady_clock::now() + period;
    }
    lock.unlock();
    auto done = pass(wish);
    lock.lock();
    if (number == 0) {
      fault_ = done ? std::nullopt : std::optional(done.error());
      continue;
    }
    const auto found = std::ranges::find(outcomes_, number, &Outcome::number);
    if (found == outcomes_.end()) continue;
    found->done = true;
    if (done) {
      found->removed = std::move(*done);
    } else {
      found->fault = done.error();
    }
  }
}

Result<std::vector<rdp::DueRecording>> RecordingKeeper::pass(const Wish& wish) const {
  if (!wish.dry_run) {
    if (auto clean = rdp::remove_leftovers(recordings_); !clean) return std::unexpected(clean.error());
  }
  if (!wish.rules.any()) return std::vector<rdp::DueRecording>{};
  auto due = rdp::due_recordings(recordings_, wish.rules, now());
  if (!due || wish.dry_run || due->empty()) return due;
  if (auto written = audit_(wish.author, detail_of(*due, wish.rules)); !written) {
    return std::unexpected(written.error());
  }
  spdlog::info("{} recordings are removed", due->size());
  return rdp::remove_recordings(recordings_, *due, [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  });
}

}  // namespace gatehouse::daemon
