// What the tests of the store share: a directory of their own, rows, a second connection that plays another program,
// and answers.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/store.h"

namespace gatehouse::store::testing {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "gatehouse-store-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  TemporaryDirectory(TemporaryDirectory&&) = delete;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline WallTime at(std::int64_t milliseconds) {
  return WallTime(Duration(milliseconds));
}
inline Address address(const std::string& text) {
  return Address::parse(text).value();
}
inline Prefix prefix(const std::string& text) {
  return Prefix::parse(text).value();
}

inline SessionRow session(std::uint64_t id, WallTime started = at(1'700'000'000'000)) {
  SessionRow row;
  row.id = id;
  row.user = "bob";
  row.server = "win1";
  row.service = "win1-rdp";
  row.grant = "bob-win1";
  row.protocol = "rdp";
  row.client = {address("192.0.2.7"), 51000};
  row.proxy = {address("2001:db8:1::5"), 3389};
  row.backend = {address("198.51.100.9"), 3390};
  row.policy_version = 3;
  row.started = started;
  return row;
}

inline SessionEnd session_end(std::uint64_t id, WallTime ended = at(1'700'000'060'123)) {
  return {.id = id,
          .ended = ended,
          .bytes_from_client = 1'000,
          .bytes_to_client = 5'000'000'000,
          .reason = policy::EndReason::client_reset,
          .detail = "reset by the client"};
}

inline AuditRow audit(const std::string& action, WallTime time = at(1'700'000'000'000)) {
  AuditRow row;
  row.time = time;
  row.action = action;
  row.user = "bob";
  row.service = "win1-rdp";
  row.source = address("192.0.2.7");
  row.destination = Endpoint{address("2001:db8:1::5"), 3389};
  return row;
}

// Collects what `written` says, by session id.
class Answers {
 public:
  Store::Written expect(std::uint64_t id) {
    return [this, id](bool ok) {
      // Told under the lock: a test may be over, and this object gone, as soon as it is released.
      const std::lock_guard lock(mutex_);
      answers_[id].push_back(ok);
      changed_.notify_all();
    };
  }
  // False: not so many within the time.
  bool wait_for(std::size_t count, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return answers_.size() >= count; });
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }
  // Each session's answers: exactly one is right.
  std::map<std::uint64_t, std::vector<bool>> all() {
    const std::lock_guard lock(mutex_);
    return answers_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::vector<bool>> answers_;
};

template <typename Condition>
bool eventually(Condition&& condition, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

// Every page of a list; `read` is the store's call.
template <typename Query, typename Read>
auto all_of(Query query, Read&& read) {
  query.limit = SIZE_MAX;
  auto page = read(query).value();
  auto rows = std::move(page.rows);
  while (!page.complete) {
    if (query.after_id) {
      query.after_id = page.next;
    } else {
      query.before_id = page.next;
    }
    page = read(query).value();
    std::move(page.rows.begin(), page.rows.end(), std::back_inserter(rows));
  }
  return rows;
}

class StoreTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path file() const { return directory_.path() / "gatehouse.db"; }

  std::unique_ptr<Store> open(std::size_t capacity = 8192) {
    auto store = Store::open({.file = file(), .queue_capacity = capacity});
    if (!store) throw std::runtime_error(store.error().text());
    return std::move(*store);
  }
  // Another program's connection.
  SQLite::Database connect() { return {file().string(), SQLite::OPEN_READWRITE, 5000}; }
  std::int64_t number(const std::string& query) {
    SQLite::Database database(file().string(), SQLite::OPEN_READONLY, 5000);
    return database.execAndGet(query).getInt64();
  }

  TemporaryDirectory directory_;
};

}  // namespace gatehouse::store::testing
