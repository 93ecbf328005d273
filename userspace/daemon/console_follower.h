// Follows the bans of a RustDesk console (store/console_database.h) on a thread of its own: reading a file that others
// write, and comparing a hundred thousand bans, is no work for control. The file is read when it was written to, and
// what it says is compared again when the bans in force have changed; otherwise a look costs two stat(2).
//
// What is banned there is to be banned here, by whoever; what this follower's bans (author `console`) are about and is
// not banned there any more is to be lifted. While the file cannot be read nothing is.
//
// Threads: control makes it, asks it to look and destroys it; `tell` is called on the follower's own thread, once for
// each look. The store outlives it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "policy/bans.h"
#include "store/console_database.h"
#include "store/store.h"

namespace gatehouse::daemon {

inline constexpr const char* console_author = "console";

struct ConsoleFinding {
  std::optional<Error> fault{};              // it could not be read, or not wholly understood
  std::vector<store::ConsoleBan> missing{};  // banned there and not here
  std::vector<std::uint64_t> surplus{};      // ids of the console's bans here that are banned there no longer
};

class ConsoleFollower {
 public:
  using Tell = std::function<void(ConsoleFinding)>;

  ConsoleFollower(std::filesystem::path file, store::Store& store, Tell tell);
  ~ConsoleFollower();  // breaks off a reading, and joins
  ConsoleFollower(const ConsoleFollower&) = delete;
  ConsoleFollower& operator=(const ConsoleFollower&) = delete;

  // Begins a look at the file beside these bans; to be called when the former one was told. `anew`: compares, whether
  // something changed or not.
  void look(std::shared_ptr<const policy::BanTable> bans, bool anew);

 private:
  struct Wish {
    std::shared_ptr<const policy::BanTable> bans;
    bool anew = false;
  };
  void run(const std::stop_token& stop);
  ConsoleFinding look_now(const Wish& wish, const std::stop_token& stop);
  Result<bool> read_if_changed(const std::stop_token& stop);  // true: it was read
  Result<std::vector<std::uint64_t>> find_surplus(const std::stop_token& stop);

  const std::filesystem::path file_;
  store::Store& store_;
  const Tell tell_;

  // The thread's own.
  std::optional<store::ConsoleFileState> seen_;  // as it was read last
  store::ConsoleBans console_;
  std::shared_ptr<const policy::BanTable> compared_;
  bool surplus_is_known_ = false;  // of `console_`

  std::mutex mutex_;
  std::condition_variable_any wished_;
  std::optional<Wish> wish_;
  std::jthread thread_;
};

}  // namespace gatehouse::daemon
