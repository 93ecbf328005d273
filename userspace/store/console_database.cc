#include "store/console_database.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>

#include "policy/rustdesk_options.h"
#include "store/console_text.h"

namespace gatehouse::store {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds longest_lock{2'000};  // of a writer that is waited for
constexpr std::chrono::milliseconds lock_step{10};
constexpr std::chrono::seconds longest_reading{60};  // of a million rows it takes some
constexpr int steps_between_looks = 10'000;          // of SQLite's machine: well under a millisecond
constexpr int largest_row = 16 << 20;                // bytes; what is larger was not written by a console
constexpr std::size_t most_bans = 1'000'000;
constexpr std::size_t longest_reason = 500;  // bytes, as consoles have it
constexpr std::size_t longest_name = 100;
constexpr std::size_t longest_shown = 64;
constexpr std::int64_t last_time = 253'402'300'799'999;  // the end of the year 9999
constexpr std::chrono::seconds settling{2};              // longer than any file system's step of times

// Ends what takes too long, and what nobody waits for any more.
class Patience {
 public:
  Patience(sqlite3* database, const std::stop_token& stop) : database_(database), stop_(stop) {
    sqlite3_progress_handler(database_, steps_between_looks, progress, this);
    sqlite3_busy_handler(database_, busy, this);
  }
  ~Patience() {
    sqlite3_progress_handler(database_, 0, nullptr, nullptr);
    sqlite3_busy_handler(database_, nullptr, nullptr);
  }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;
  Patience(Patience&&) = delete;
  Patience& operator=(Patience&&) = delete;

 private:
  [[nodiscard]] bool is_over() const { return stop_.stop_requested() || Clock::now() > end_; }
  static int progress(void* self) { return static_cast<Patience*>(self)->is_over() ? 1 : 0; }
  static int busy(void* self, int tries) {
    if (static_cast<Patience*>(self)->is_over() || tries * lock_step > longest_lock) return 0;
    std::this_thread::sleep_for(lock_step);
    return 1;
  }

  sqlite3* database_;
  const std::stop_token& stop_;
  const Clock::time_point end_ = Clock::now() + longest_reading;
};

// sqlite.org/uri.html: what would end the path, or begin an escape, is escaped itself.
std::string uri_of(const std::filesystem::path& file) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(file).string()) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("/-_.~").contains(c)) {
      uri += c;
    } else {
      uri += '%';
      uri += digits[static_cast<unsigned char>(c) >> 4U];
      uri += digits[static_cast<unsigned char>(c) & 15U];
    }
  }
  return uri + "?mode=ro";
}

std::string called(const std::filesystem::path& file) {
  return "the console's database " + file.string();
}

std::unexpected<Error> failed(const std::filesystem::path& file, const SQLite::Exception& exception, bool opened,
                              int system_error) {
  const std::string text = exception.what();
  switch (exception.getErrorCode() & 0xff) {
    case SQLITE_NOTADB:
      return failure(called(file) + " is no database (" + text + ")", "name hbbs's db_v2.sqlite3");
    case SQLITE_CORRUPT:
      return failure(called(file) + " is damaged (" + text + ")",
                     "mend it there: put a backup in its place, or save what can be read with `sqlite3 FILE .recover`");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return failure(called(file) + " is held locked by another program",
                     "find out which: `fuser " + file.string() + "`");
    case SQLITE_INTERRUPT:
      return failure("reading " + called(file) + " took longer than " +
                         std::to_string(std::chrono::seconds(longest_reading).count()) + " s, or was broken off",
                     "look whether its disk answers, and whether it is the right file");
    case SQLITE_TOOBIG:
      return failure(called(file) + " has a row of more than " + std::to_string(largest_row >> 20) + " MiB",
                     "look at it there: no console writes such a row");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: {
      const auto why = system_error == 0 ? text : text + ", " + std::generic_category().message(system_error);
      if (!opened) {
        return failure(called(file) + " cannot be opened (" + why + ")", "let the daemon's user read it");
      }
      return failure("the files -wal, -shm or -journal of " + called(file) + " cannot be used (" + why + ")",
                     "start hbbs, which keeps them, and let the daemon's user read them; or let that user write to " +
                         file.parent_path().string());
    }
    default:
      return failure("reading " + called(file) + ": " + text, "look whether its disk answers");
  }
}

std::string text_at(SQLite::Statement& row, int column) {
  const auto value = row.getColumn(column);
  const auto size = static_cast<std::size_t>(value.getBytes());
  return size == 0 ? std::string() : std::string(static_cast<const char*>(value.getBlob()), size);
}

std::optional<WallTime> time_at(SQLite::Statement& row, int column) {
  const auto value = row.getColumn(column);
  if (!value.isInteger() || value.getInt64() <= 0 || value.getInt64() > last_time) return std::nullopt;
  return WallTime(Duration(value.getInt64()));
}

Result<std::set<std::string>> columns_of_peer(SQLite::Database& database, const std::filesystem::path& file) {
  std::set<std::string> columns;
  SQLite::Statement list(database, "SELECT lower(name) FROM pragma_table_info('peer')");
  while (list.executeStep()) columns.insert(list.getColumn(0).getString());
  if (!columns.contains("id")) {
    return failure(called(file) + " has no table `peer` with a column `id`", "name hbbs's db_v2.sqlite3");
  }
  if (!columns.contains("is_banned")) {
    return failure(called(file) + " knows no bans: its table `peer` has no column `is_banned`",
                   "hbbs by itself bans nobody: name the database that the console writes to, or ban with `gatehouse "
                   "device ban`");
  }
  return columns;
}

void take_row(SQLite::Statement& row, ConsoleBans& found) {
  ConsoleBan ban{.id = text_at(row, 0),
                 .reason = as_line(text_at(row, 1), longest_reason),
                 .banned_by = as_line(text_at(row, 2), longest_name),
                 .banned_at = time_at(row, 3)};
  if (policy::is_device_id(ban.id)) {
    found.bans.push_back(std::move(ban));
    return;
  }
  ++found.refused_count;
  if (found.refused.size() == ConsoleBans::most_refused) return;
  found.refused.push_back(
      {as_line(ban.id, longest_shown), ban.id.empty() ? "it has no id" : "no device can have this id"});
}

Result<ConsoleBans> read_from(SQLite::Database& database, const std::filesystem::path& file, CountDevices count) {
  const SQLite::Transaction view(database);
  const auto columns = columns_of_peer(database, file);
  if (!columns) return std::unexpected(columns.error());
  const auto optional = [&](const char* column) { return std::string(columns->contains(column) ? column : "NULL"); };
  ConsoleBans found;
  // Anything but 0 and NULL bans; said so that an index helps, where there is one.
  SQLite::Statement select(
      database, "SELECT id, " + optional("ban_reason") + ", " + optional("banned_by") + ", " + optional("banned_at") +
                    " FROM peer WHERE is_banned > 0 OR is_banned < 0 LIMIT " + std::to_string(most_bans + 1));
  while (select.executeStep()) take_row(select, found);
  if (found.bans.size() + found.refused_count > most_bans) {
    return failure(called(file) + " has more than " + std::to_string(most_bans) + " banned devices",
                   "take out there what is banned no longer");
  }
  std::ranges::stable_sort(found.bans, {}, &ConsoleBan::id);
  const auto again = std::ranges::unique(found.bans, {}, &ConsoleBan::id);
  found.bans.erase(again.begin(), again.end());
  if (count == CountDevices::yes) {
    SQLite::Statement devices(database, "SELECT count(*) FROM peer");
    if (devices.executeStep()) found.devices = static_cast<std::uint64_t>(devices.getColumn(0).getInt64());
  }
  return found;
}

}  // namespace

std::string reason_of(const ConsoleBan& ban) {
  std::string text = "console: ";
  if (!ban.reason.empty()) return text + ban.reason;
  text += "banned";
  if (!ban.banned_by.empty()) text += " by " + ban.banned_by;
  if (ban.banned_at) text += " at " + format_time(*ban.banned_at);
  return text;
}

Result<ConsoleBans> read_console_bans(const std::filesystem::path& file, CountDevices count,
                                      const std::stop_token& stop) {
  // Also because opening anything else might wait for somebody, or do something.
  if (auto there = ConsoleFileState::of(file); !there) return std::unexpected(there.error());
  std::optional<SQLite::Database> database;
  try {
    database.emplace(uri_of(file), SQLite::OPEN_READONLY | SQLite::OPEN_URI);
    auto* handle = database->getHandle();
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, largest_row);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    const Patience patience(handle, stop);
    database->exec("PRAGMA query_only = ON; PRAGMA cell_size_check = ON");
    return read_from(*database, file, count);
  } catch (const SQLite::Exception& exception) {
    const int number = database ? sqlite3_system_errno(database->getHandle()) : 0;
    return failed(file, exception, database.has_value(), number);
  }
}

Result<ConsoleFileState::Part> ConsoleFileState::part_of(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) {
    if (errno == ENOENT) return Part{};
    return system_failure(called(file) + " cannot be looked at", errno,
                          "check the path, and let the daemon's user read the file");
  }
  if (!S_ISREG(status.st_mode)) return failure(called(file) + " is no file", "name hbbs's db_v2.sqlite3");
  return Part{.device = status.st_dev,
              .inode = status.st_ino,
              .size = static_cast<std::uint64_t>(status.st_size),
              .modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

Result<ConsoleFileState> ConsoleFileState::of(const std::filesystem::path& file) {
  ConsoleFileState state;
  for (std::size_t i = 0; i < state.parts_.size(); ++i) {
    const auto part = part_of(i == 0 ? file : std::filesystem::path(file.string() + "-wal"));
    if (!part) return std::unexpected(part.error());
    state.parts_[i] = *part;
  }
  if (state.parts_[0].inode == 0) {
    return failure(called(file) + " is not there", "check the path, and whether the service may see it");
  }
  const auto newest = std::max(state.parts_[0].modified_ns, state.parts_[1].modified_ns);
  const auto last = std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(newest));
  state.settled_ = std::chrono::system_clock::now() - last > settling;
  return state;
}

}  // namespace gatehouse::store
