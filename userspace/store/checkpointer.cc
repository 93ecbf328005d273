#include "store/checkpointer.h"

#include <sqlite3.h>

#include "store/schema.h"

namespace gatehouse::store {

Checkpointer::Checkpointer(SQLite::Database& writing, const std::filesystem::path& file)
    : writing_(writing),
      own_(file.string(), SQLite::OPEN_READWRITE | one_thread_at_a_time, busy_timeout_ms),
      thread_([this] { run(); }) {
  sqlite3_wal_hook(writing_.getHandle(), &Checkpointer::committed, this);
}

Checkpointer::~Checkpointer() {
  sqlite3_wal_hook(writing_.getHandle(), nullptr, nullptr);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

int Checkpointer::committed(void* self, sqlite3* connection, const char* schema, int pages) {
  auto& checkpointer = *static_cast<Checkpointer*>(self);
  if (pages < checkpointer.asked_at_) checkpointer.asked_at_ = 0;  // the log has begun anew
  if (pages >= longest_log) sqlite3_wal_checkpoint_v2(connection, schema, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (pages < checkpointer.asked_at_ + pages_at_a_time) return SQLITE_OK;
  checkpointer.asked_at_ = pages;
  {
    const std::lock_guard lock(checkpointer.mutex_);
    checkpointer.asked_ = true;
  }
  checkpointer.changed_.notify_one();
  return SQLITE_OK;
}

void Checkpointer::run() {
  // A connection that has read nothing does not know that there is a log.
  sqlite3_exec(own_.getHandle(), "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr);
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return asked_ || stopping_; });
    if (stopping_) return;
    asked_ = false;
    lock.unlock();
    sqlite3_wal_checkpoint_v2(own_.getHandle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    lock.lock();
  }
}

}  // namespace gatehouse::store
