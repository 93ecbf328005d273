#include "rdp/worker/kept_files.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "rdp/recording_files.h"
#include "rdp/worker/recorder.h"

namespace gatehouse::rdp {

class KeptFiles::Copy final : public FileCopy {
 public:
  explicit Copy(KeptFiles& kept) : kept_(kept) {}
  ~Copy() override {
    if (!name().empty()) kept_.write({.file = *name_, .bytes = std::move(piece_), .last = true});
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  void add(Bytes bytes) override {
    if (!name_) name_ = kept_.next_name();
    if (name_->empty()) return;
    while (!bytes.empty()) {
      const auto part = bytes.first(std::min(bytes.size(), piece_bytes - piece_.size()));
      piece_.insert(piece_.end(), part.begin(), part.end());
      bytes = bytes.subspan(part.size());
      if (piece_.size() == piece_bytes) kept_.write({.file = *name_, .bytes = std::exchange(piece_, {})});
    }
  }
  void flush() override {
    if (!piece_.empty()) kept_.write({.file = *name_, .bytes = std::exchange(piece_, {})});
  }
  [[nodiscard]] std::string name() const override { return name_.value_or(std::string()); }

 private:
  KeptFiles& kept_;
  std::optional<std::string> name_;
  std::vector<std::uint8_t> piece_;
};

KeptFiles::KeptFiles(Recorder& recorder) : recorder_(recorder), thread_([this] { run(); }) {}

KeptFiles::~KeptFiles() {
  close();
}

void KeptFiles::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<FileCopy> KeptFiles::begin() {
  return std::make_unique<Copy>(*this);
}

std::string KeptFiles::next_name() {
  if (recorder_.has_failed()) return {};
  {
    const std::lock_guard lock(mutex_);
    if (number_ < most_kept_files) return kept_file(++number_);
  }
  recorder_.too_many_files();
  return {};
}

void KeptFiles::write(Piece piece) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closing_ || waiting_ < most_waiting; });
    if (closing_) return;
    waiting_ += piece.bytes.size();
    pieces_.push_back(std::move(piece));
  }
  changed_.notify_all();
}

void KeptFiles::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closing_ || !pieces_.empty(); });
    if (pieces_.empty()) return;
    const auto piece = std::move(pieces_.front());
    pieces_.pop_front();
    lock.unlock();
    recorder_.keep(piece.file, piece.bytes, piece.last);
    lock.lock();
    waiting_ -= piece.bytes.size();
    changed_.notify_all();
  }
}

}  // namespace gatehouse::rdp
