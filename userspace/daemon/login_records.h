// Shows the sessions to `who`, `w` and `last`: each holds a line of utmp (rdp0 to rdp99; likewise ssh, vnc, and gate
// for every other protocol) from its first byte to its end, and both moments are in wtmp.
//
// A line is the first that is free: held neither by a session of ours nor, in the file, by a process of the same name
// that lives (another instance). Lines of a dead one, and of our own process id from before, are given back and logged
// out when this starts, and whenever it writes. A session that finds a hundred open has no line.
//
// Threads: the loops put into a queue; all files are opened, locked and written by one thread that this owns.
// Errors: what cannot be written is in the log, once for each file, and the sessions go on. utmp is brought up to date
// as soon as it can be written again; what was not written to wtmp is lost.
#pragma once

#include <sys/types.h>

#include <array>
#include <bitset>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "daemon/login_file.h"
#include "gate/session_watcher.h"

namespace gatehouse::daemon {

struct LoginOptions {
  bool on = true;
  std::filesystem::path utmp = "/run/utmp";
  std::filesystem::path wtmp = "/var/log/wtmp";

  friend bool operator==(const LoginOptions&, const LoginOptions&) = default;
};

class LoginRecords final : public gate::SessionWatcher {
 public:
  static constexpr std::size_t lines_of_protocol = 100;

  explicit LoginRecords(LoginOptions options);
  ~LoginRecords() override;  // logs out what is open, and joins
  LoginRecords(const LoginRecords&) = delete;
  LoginRecords& operator=(const LoginRecords&) = delete;

  bool opened(gate::OpenedSession session) override;
  void ended(std::uint64_t id, WallTime time) override;

 private:
  static constexpr std::array<std::string_view, 4> prefixes{"rdp", "ssh", "vnc", "gate"};
  struct Line {
    std::size_t prefix = 0;
    std::size_t number = 0;
    [[nodiscard]] LoginRecord record() const;  // with the names of the line, and nothing else
  };
  struct Holder {
    Line line;
    LoginRecord record;
  };
  struct End {
    std::uint64_t id = 0;
    WallTime time;
  };
  using Event = std::variant<gate::OpenedSession, End>;
  using Lines = std::array<std::bitset<lines_of_protocol>, prefixes.size()>;

  static std::optional<Line> line_of(std::string_view name);
  void run();
  void write(const std::deque<Event>& events, bool last);
  // These two: what wtmp has to be told.
  std::vector<LoginRecord> write_table(const std::deque<Event>& events, bool last);
  std::vector<LoginRecord> take(const std::deque<Event>& events, bool last);
  // The logins in the table that nobody holds any more; fills others_.
  std::vector<LoginRecord> look_for_stale(const LoginTable& table);
  std::optional<LoginRecord> log_in(const gate::OpenedSession& session);
  std::optional<LoginRecord> log_out(std::uint64_t id, WallTime time);
  static void say_once(bool& said, const Error& error, std::string_view commands);

  LoginOptions options_;
  pid_t own_;

  // The thread's alone.
  std::unordered_map<std::uint64_t, Holder> holders_;
  Lines held_{};
  Lines others_{};      // by other instances, when utmp was last read
  bool behind_ = true;  // utmp may not show what is here
  bool utmp_said_ = false;
  bool wtmp_said_ = false;
  std::array<bool, prefixes.size()> full_said_{};

  std::mutex mutex_;  // held for a moment only, by either side
  std::condition_variable changed_;
  std::deque<Event> queue_;
  bool overflow_said_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace gatehouse::daemon
