#include "daemon/console_follower.h"

#include <algorithm>
#include <utility>

namespace gatehouse::daemon {
namespace {

constexpr std::size_t rows_at_once = 2'000;  // the store's other readers wait for so many

}  // namespace

ConsoleFollower::ConsoleFollower(std::filesystem::path file, store::Store& store, Tell tell)
    : file_(std::move(file)),
      store_(store),
      tell_(std::move(tell)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

ConsoleFollower::~ConsoleFollower() = default;

void ConsoleFollower::look(std::shared_ptr<const policy::BanTable> bans, bool anew) {
  {
    const std::lock_guard lock(mutex_);
    wish_ = Wish{std::move(bans), anew};
  }
  wished_.notify_all();
}

void ConsoleFollower::run(const std::stop_token& stop) {
  while (true) {
    Wish wish;
    {
      std::unique_lock lock(mutex_);
      if (!wished_.wait(lock, stop, [this] { return wish_.has_value(); })) return;
      wish = *std::exchange(wish_, std::nullopt);
    }
    auto finding = look_now(wish, stop);
    if (stop.stop_requested()) return;
    tell_(std::move(finding));
  }
}

ConsoleFinding ConsoleFollower::look_now(const Wish& wish, const std::stop_token& stop) {
  ConsoleFinding finding;
  const auto read = read_if_changed(stop);
  if (!read) {
    finding.fault = read.error();
    return finding;
  }
  if (*read || wish.anew) surplus_is_known_ = false;
  if (console_.refused_count > 0) {
    const auto& first = console_.refused.front();
    finding.fault = Error{std::to_string(console_.refused_count) + " rows of the console's database " + file_.string() +
                              " ban nobody: " + first.why + " ('" + first.device + "')",
                          "ban those devices here, or mend the rows there; the others are followed"};
  }
  if (!surplus_is_known_) {
    auto surplus = find_surplus(stop);
    if (!surplus) {
      finding.fault = surplus.error();
      return finding;
    }
    finding.surplus = std::move(*surplus);
    surplus_is_known_ = true;
    compared_ = nullptr;
  }
  if (wish.bans == compared_) return finding;
  const auto time = now();
  std::ranges::copy_if(console_.bans, std::back_inserter(finding.missing), [&](const store::ConsoleBan& ban) {
    return wish.bans->names().find(policy::Subject::device, ban.id, time) == nullptr;
  });
  compared_ = wish.bans;
  return finding;
}

Result<bool> ConsoleFollower::read_if_changed(const std::stop_token& stop) {
  // Before the reading: what is written beside it shows at the next look.
  const auto state = store::ConsoleFileState::of(file_);
  if (!state) {
    seen_.reset();
    return std::unexpected(state.error());
  }
  if (seen_ && seen_->is_settled() && *seen_ == *state) return false;
  seen_.reset();
  auto console = store::read_console_bans(file_, store::CountDevices::no, stop);
  if (!console) return std::unexpected(console.error());
  console_ = std::move(*console);
  seen_ = *state;
  return true;
}

// The store alone knows whose a ban is.
Result<std::vector<std::uint64_t>> ConsoleFollower::find_surplus(const std::stop_token& stop) {
  std::vector<std::uint64_t> surplus;
  std::string after;
  while (!stop.stop_requested()) {
    const auto rows = store_.bans_by_name(now(), policy::BanKind::device, after, rows_at_once);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& row : *rows) {
      if (row.author != console_author) continue;
      if (!std::ranges::binary_search(console_.bans, policy::name_of(row.target), {}, &store::ConsoleBan::id)) {
        surplus.push_back(row.id);
      }
    }
    if (rows->size() < rows_at_once) break;
    after = policy::name_of(rows->back().target);
  }
  return surplus;
}

}  // namespace gatehouse::daemon
