// Brings what stands in the write-ahead log into the database file, on a thread and a connection of its own: it ends
// with waiting for the disk, and sessions wait for the writer. What cannot be done now is tried again with the next
// pages; the writer does it itself when the log grows beyond `longest_log` pages all the same, for only then, with
// nobody writing, does the log begin anew (SQLite, "Write-Ahead Logging", "Performance Considerations").
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

namespace gatehouse::store {

class Checkpointer {
 public:
  static constexpr int pages_at_a_time = 1000;
  static constexpr int longest_log = 16'000;  // 64 MiB

  // Follows the log of `writing`, the connection of the writer's thread, which must outlive this. SQLite::Exception.
  Checkpointer(SQLite::Database& writing, const std::filesystem::path& file);
  ~Checkpointer();  // joins
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

 private:
  static int committed(void* self, sqlite3* connection, const char* schema, int pages);  // on the writer's thread
  void run();

  SQLite::Database& writing_;
  SQLite::Database own_;
  int asked_at_ = 0;  // pages of the log when it was last asked for; the writer's thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace gatehouse::store
