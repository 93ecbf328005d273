#include "daemon/login_records.h"

#include <pthread.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <utility>

namespace gatehouse::daemon {
namespace {

constexpr std::chrono::milliseconds lock_patience{500};
// Sessions that come together are written together: nobody looks at `who` that often.
constexpr std::chrono::milliseconds gathering{20};
constexpr std::chrono::seconds retry{1};
constexpr std::size_t longest_queue = 16'384;

std::string name_of_process(pid_t pid) {
  std::ifstream stream("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(stream, name);
  return name;
}

// A process of our kind: a number that was given to another program since is none. What cannot be told counts as one.
bool holds_lines(pid_t pid, pid_t own) {
  if (pid <= 0 || (::kill(pid, 0) != 0 && errno == ESRCH)) return false;
  const auto name = name_of_process(pid);
  return name.empty() || name == name_of_process(own);
}

}  // namespace

LoginRecord LoginRecords::Line::record() const {
  LoginRecord record;
  record.line = std::string(prefixes[prefix]) + std::to_string(number);
  record.id = std::string(prefixes[prefix].substr(0, 2)) + (number < 10 ? "0" : "") + std::to_string(number);
  return record;
}

std::optional<LoginRecords::Line> LoginRecords::line_of(std::string_view name) {
  for (std::size_t prefix = 0; prefix < prefixes.size(); ++prefix) {
    if (!name.starts_with(prefixes[prefix])) continue;
    const auto digits = name.substr(prefixes[prefix].size());
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc{} && end == digits.data() + digits.size() && number < lines_of_protocol &&
        digits == std::to_string(number)) {
      return Line{prefix, number};
    }
  }
  return std::nullopt;
}

LoginRecords::LoginRecords(LoginOptions options) : options_(std::move(options)), own_(::getpid()) {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "logins");
    run();
  });
}

LoginRecords::~LoginRecords() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool LoginRecords::opened(gate::OpenedSession session) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= longest_queue) {
      if (!std::exchange(overflow_said_, true)) {
        spdlog::warn("sessions come faster than {} can be written: some are not shown by who and last",
                     options_.utmp.string());
      }
      return false;
    }
    queue_.emplace_back(std::move(session));
    if (queue_.size() > 1) return true;
  }
  changed_.notify_one();
  return true;
}

void LoginRecords::ended(std::uint64_t id, WallTime time) {
  {
    // Without a limit: there are no more of these than there were sessions opened.
    const std::lock_guard lock(mutex_);
    queue_.emplace_back(End{id, time});
    if (queue_.size() > 1) return;
  }
  changed_.notify_one();
}

void LoginRecords::run() {
  std::unique_lock lock(mutex_);
  bool last = false;
  while (true) {
    std::deque<Event> events;
    events.swap(queue_);
    last = stopping_;
    lock.unlock();
    write(events, last);
    if (last) return;
    lock.lock();
    const auto something = [this] { return !queue_.empty() || stopping_; };
    if (behind_) {
      changed_.wait_for(lock, retry, something);
    } else {
      changed_.wait(lock, something);
    }
    if (!stopping_) changed_.wait_for(lock, gathering, [this] { return stopping_; });
  }
}

void LoginRecords::write(const std::deque<Event>& events, bool last) {
  const auto history = write_table(events, last);
  if (auto appended = append_logins(options_.wtmp, history, lock_patience); !appended) {
    say_once(wtmp_said_, appended.error(), "last");
  }
}

std::vector<LoginRecord> LoginRecords::write_table(const std::deque<Event>& events, bool last) {
  auto table = LoginTable::open(options_.utmp, lock_patience);
  auto stale = table ? look_for_stale(*table) : std::vector<LoginRecord>{};
  auto changes = take(events, last);
  if (!table) {
    behind_ = true;
    say_once(utmp_said_, table.error(), "who and w");
    return changes;
  }
  // A line that another instance took while the file could not be read is its own now.
  const auto put = [&](const LoginRecord& record) {
    const auto line = line_of(record.line);
    if (line && !others_[line->prefix][line->number]) table->put(record);
  };
  std::ranges::for_each(stale, put);
  std::ranges::for_each(changes, put);
  if (behind_) {
    for (const auto& [id, holder] : holders_) put(holder.record);
  }
  auto committed = table->commit();
  behind_ = !committed;
  if (!committed) {
    say_once(utmp_said_, committed.error(), "who and w");
    return changes;
  }
  stale.insert(stale.end(), changes.begin(), changes.end());
  return stale;
}

std::vector<LoginRecord> LoginRecords::take(const std::deque<Event>& events, bool last) {
  std::vector<LoginRecord> changes;
  const auto note = [&](std::optional<LoginRecord> change) {
    if (change) changes.push_back(std::move(*change));
  };
  for (const auto& event : events) {
    if (const auto* session = std::get_if<gate::OpenedSession>(&event)) {
      note(log_in(*session));
    } else {
      const auto& end = std::get<End>(event);
      note(log_out(end.id, end.time));
    }
  }
  const auto time = now();
  while (last && !holders_.empty()) note(log_out(holders_.begin()->first, time));
  return changes;
}

std::vector<LoginRecord> LoginRecords::look_for_stale(const LoginTable& table) {
  std::vector<LoginRecord> stale;
  others_ = {};
  const auto time = now();
  for (const auto& record : table.records()) {
    const auto line = record.open ? line_of(record.line) : std::nullopt;
    if (!line) continue;
    if (record.pid == own_) {
      if (!held_[line->prefix][line->number]) stale.push_back(record.closed_at(time));
    } else if (holds_lines(record.pid, own_)) {
      others_[line->prefix].set(line->number);
    } else {
      stale.push_back(record.closed_at(time));
    }
  }
  return stale;
}

std::optional<LoginRecord> LoginRecords::log_in(const gate::OpenedSession& session) {
  // The last stands for all that have none of their own.
  const auto prefix = static_cast<std::size_t>(
      std::ranges::find(prefixes.begin(), prefixes.end() - 1, std::string_view(session.protocol)) - prefixes.begin());
  const auto taken = held_[prefix] | others_[prefix];
  Line line{prefix, 0};
  while (line.number < lines_of_protocol && taken[line.number]) ++line.number;
  if (line.number == lines_of_protocol) {
    if (!std::exchange(full_said_[prefix], true)) {
      spdlog::warn("all lines from {0}0 to {0}{1} are taken: sessions beyond them are not shown by who and last",
                   prefixes[prefix], lines_of_protocol - 1);
    }
    return std::nullopt;
  }
  auto record = line.record();
  record.user = session.user;
  record.address = session.client;
  record.pid = own_;
  record.time = session.time;
  held_[prefix].set(line.number);
  holders_[session.id] = {line, record};
  return record;
}

std::optional<LoginRecord> LoginRecords::log_out(std::uint64_t id, WallTime time) {
  const auto found = holders_.find(id);
  if (found == holders_.end()) return std::nullopt;
  const auto& [line, record] = found->second;
  held_[line.prefix].reset(line.number);
  auto closed = record.closed_at(time);
  holders_.erase(found);
  return closed;
}

void LoginRecords::say_once(bool& said, const Error& error, std::string_view commands) {
  if (!std::exchange(said, true)) spdlog::warn("{}: sessions are not shown by {}, and go on", error.text(), commands);
}

}  // namespace gatehouse::daemon
