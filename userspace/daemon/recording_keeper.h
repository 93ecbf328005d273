// Removes recordings that are kept no longer, on a thread of its own: looking at all of them and removing some takes
// the disk's time. It does so every minute by the rules in force, and when an operator asks. Before any is removed, the
// row of the audit that tells it is written: without it none is.
//
// Threads: control, but for `audit`, which is called on the keeper's own. Errors: the last one is kept (fault()), until
// a pass goes through.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "rdp/recording_retention.h"

namespace gatehouse::daemon {

class RecordingKeeper {
 public:
  static constexpr std::chrono::seconds period{60};
  static constexpr std::size_t most_outcomes = 32;  // of operators' passes that are remembered

  // The row `recordings_removed`, written and committed.
  using Audit = std::function<Result<void>(const std::string& author, const std::string& detail)>;

  RecordingKeeper(std::filesystem::path recordings, rdp::RetentionOfRecordings rules, Audit audit);
  ~RecordingKeeper();  // ends the pass between two recordings, and joins
  RecordingKeeper(const RecordingKeeper&) = delete;
  RecordingKeeper& operator=(const RecordingKeeper&) = delete;

  void set_rules(const rdp::RetentionOfRecordings& rules);  // looked at at once
  [[nodiscard]] const std::filesystem::path& recordings() const { return recordings_; }
  [[nodiscard]] std::optional<Error> fault() const;

  struct Wish {
    rdp::RetentionOfRecordings rules = {};
    bool dry_run = false;
    std::string author = {};  // empty: the daemon
  };
  struct Outcome {
    std::uint64_t number = 0;
    bool dry_run = false;
    bool done = false;
    std::vector<rdp::DueRecording> removed = {};  // of a dry run: that would be
    std::optional<Error> fault = {};
  };
  std::uint64_t begin(Wish wish);
  [[nodiscard]] std::optional<Outcome> outcome(std::uint64_t number) const;
  [[nodiscard]] rdp::RetentionOfRecordings rules() const;

 private:
  void run();
  [[nodiscard]] Result<std::vector<rdp::DueRecording>> pass(const Wish& wish) const;

  const std::filesystem::path recordings_;
  const Audit audit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  rdp::RetentionOfRecordings rules_;
  bool look_now_ = true;
  std::optional<Error> fault_;
  std::deque<std::pair<std::uint64_t, Wish>> wishes_;
  std::deque<Outcome> outcomes_;
  std::uint64_t last_number_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace gatehouse::daemon
