// What a console for RustDesk has banned: the database of hbbs (db_v2.sqlite3) as BetterDesk and others extend it.
// Table `peer`: `id` (text), `is_banned` (0 or 1), and where they are there `banned_at` (UTC milliseconds),
// `banned_by`, `ban_reason`. Sources: hbbs 1.1.x database.rs; BetterDesk console 2.x, its migration "v1.1.0". Nothing
// of the table is trusted: SQLite keeps any type in any column, and whoever has the console writes what he likes.
//
// Only read, beside a server that writes. The file is opened for each reading and closed behind it, so that the server
// can go on as if nobody were there; but of a database in WAL mode SQLite needs the files -wal and -shm, and makes them
// where they are missing.
//
// Threads: any, but no event loop: a reading takes as long as the disk does, and waits a moment for a lock. Errors: the
// file is not there, is no such database, is damaged or locked, each with its mend.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace gatehouse::store {

struct ConsoleBan {
  std::string id;      // policy::is_device_id()
  std::string reason;  // one line of UTF-8, like `banned_by`; may be empty
  std::string banned_by;
  std::optional<WallTime> banned_at;
  friend bool operator==(const ConsoleBan&, const ConsoleBan&) = default;
};

// "console: REASON", or who banned it and when, where the console knows no reason.
std::string reason_of(const ConsoleBan& ban);

struct ConsoleBans {
  // A row that is banned and whose id no device can have.
  struct Refused {
    std::string device;  // made printable, and cut
    std::string why;
    friend bool operator==(const Refused&, const Refused&) = default;
  };
  static constexpr std::size_t most_refused = 1000;  // that are listed; the rest is counted

  std::uint64_t devices = 0;     // rows of the table, if they were to be counted
  std::vector<ConsoleBan> bans;  // by the bytes of their ids, each once
  std::vector<Refused> refused;
  std::uint64_t refused_count = 0;
};

enum class CountDevices : bool { no, yes };

// In one view of the database. Ends early, with an error, when `stop` is asked for.
Result<ConsoleBans> read_console_bans(const std::filesystem::path& file, CountDevices count,
                                      const std::stop_token& stop = {});

// Whether a file was written to since, without opening it: its identity, size and time, and those of its -wal
// (by the time of writing: SQLite as root gives -wal its owner anew whenever it opens it, which shows in the others).
class ConsoleFileState {
 public:
  static Result<ConsoleFileState> of(const std::filesystem::path& file);

  // The last change lies so far back that another one would show. File times move in steps: what was written within
  // the same step as the last reading would go unseen otherwise.
  [[nodiscard]] bool is_settled() const { return settled_; }
  // Of the same content; two that were settled.
  friend bool operator==(const ConsoleFileState& left, const ConsoleFileState& right) {
    return left.parts_ == right.parts_;
  }

 private:
  struct Part {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;  // 0: it is not there
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
    friend bool operator==(const Part&, const Part&) = default;
  };
  static Result<Part> part_of(const std::filesystem::path& file);

  std::array<Part, 2> parts_;
  bool settled_ = false;
};

}  // namespace gatehouse::store
