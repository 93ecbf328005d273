// The writer: one thread that owns the writing connection. Rows come through a bounded queue; all that wait go into one
// transaction, for a commit costs the same for one row and for fifty. It sleeps when there is nothing to do, and is
// woken at once only for what somebody waits for (a session that wants to open, a job); rows that nobody waits for
// gather a few milliseconds first.
//
// Room: an end has its own, for there is at most one for each session that was let in; all other rows share the
// capacity. Failure: see store.h. All members may be called from any thread.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "base/result.h"
#include "store/audit.h"
#include "store/checkpointer.h"
#include "store/life.h"
#include "store/records.h"
#include "store/sessions.h"
#include "store/store.h"
#include "store/visits.h"

namespace gatehouse::store {

class Writer {
 public:
  // What a job works with, on the writer's thread, inside a transaction of its own that is rolled back when it fails or
  // throws.
  struct Desk {
    explicit Desk(SQLite::Database& connection)
        : database(connection), sessions(connection), visits(connection), audit(connection), life(connection) {}
    SQLite::Database& database;
    SessionStatements sessions;
    VisitStatements visits;
    AuditStatements audit;
    LifeStatements life;
  };
  using Job = std::function<Result<void>(Desk&)>;

  // `file` is for the messages.
  Writer(SQLite::Database database, std::filesystem::path file, std::size_t capacity, Watcher* watcher);
  ~Writer();  // writes what waits, at most 5 s, then gives it up
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  Writer(Writer&&) = delete;
  Writer& operator=(Writer&&) = delete;

  [[nodiscard]] bool submit_opened(SessionRow session, AuditRow audit, Store::Written written);
  void submit_ended(SessionEnd end);
  [[nodiscard]] bool submit_audit(AuditRow audit);
  // After everything that was submitted before. Waits until it is committed; at most 10 s for its turn: then it is not
  // done at all.
  Result<void> perform(Job job);

  [[nodiscard]] bool has_room() const;
  [[nodiscard]] StoreHealth health() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Opened {
    SessionRow session;
    AuditRow audit;
    Store::Written written;
  };
  struct Errand {
    enum class State { waiting, running, done, cancelled };
    Job job;
    State state = State::waiting;  // this and the rest under mutex_
    Result<void> result;
    std::condition_variable changed;
  };
  using Item = std::variant<std::unique_ptr<Opened>, SessionEnd, AuditRow, std::shared_ptr<Errand>>;
  enum class Sleep { none, light, deep };  // light: until somebody waits for a row; deep: until there is any row

  void push(Item item, bool awaited, std::unique_lock<std::mutex> lock);  // of mutex_

  // The rest runs on the writer's thread.
  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void wait_lightly(std::unique_lock<std::mutex>& lock);
  void gather(std::unique_lock<std::mutex>& lock);
  void take();  // under mutex_
  void write_pending();
  struct Outcome {
    Result<void> result;
    bool store_fault = false;  // it failed for the store's sake, and not because the work refused
  };
  Outcome in_transaction(const std::function<Result<void>()>& work);  // lowers the alarm when it succeeds
  [[nodiscard]] bool touch_due() const;
  Result<void> write_rows(std::span<const Item> rows);
  void settle(std::span<Item> rows);
  void tell(std::span<const Item> rows) const;
  void do_errand(Errand& errand);
  void answer(Errand& errand, Result<void> result);
  void raise_alarm(const Error& fault);
  void failed(const Error& fault);  // of what is pending: gives up what somebody waits for, keeps the rest
  void probe();
  void finish();

  SQLite::Database database_;
  std::filesystem::path file_;
  Checkpointer checkpointer_;
  const std::size_t capacity_;
  Watcher* const watcher_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Item> incoming_;
  std::size_t awaited_ = 0;  // of them
  Sleep sleep_ = Sleep::none;
  bool stopping_ = false;
  bool alarm_ = false;  // changed by the writer's thread only, which may therefore read it without the lock
  std::string fault_;
  std::atomic<std::size_t> waiting_ = 0;  // rows that share the capacity: incoming, or in the writer's hands
  std::atomic<std::size_t> ends_waiting_ = 0;
  std::atomic<std::uint64_t> rows_written_ = 0;
  std::atomic<std::uint64_t> failed_writes_ = 0;

  // The writer's thread only.
  Desk desk_;
  SQLite::Statement begin_;
  SQLite::Statement commit_;
  std::vector<Item> pending_;  // in the order of the queue; while the alarm is raised: what is kept
  Clock::time_point next_try_;
  Clock::time_point touched_;
  Clock::time_point rate_since_;
  std::size_t opened_since_ = 0;
  bool busy_ = false;
  int commits_until_gathering_ = 0;

  std::thread thread_;
};

}  // namespace gatehouse::store
