#include "store/writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "store/columns.h"
#include "store/faults.h"

namespace gatehouse::store {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t rows_of_opened = 2;
constexpr std::size_t most_rows_together =
    4096;  // of one transaction: what waits for the first is not held up for ever
constexpr std::size_t rows_worth_waking_for = 512;  // worth a transaction though nobody waits for them
constexpr milliseconds gathering{5};                // rows that nobody waits for
constexpr microseconds gathering_step{500};         // sessions that want to open, while more of them come
constexpr int most_gathering_steps = 4;
constexpr std::size_t few_sessions = 3;  // gathering for fewer does not pay: not again for a while
constexpr int commits_without_gathering = 32;
constexpr double busy_opens_per_second = 2000;
constexpr milliseconds rate_window{10};
constexpr milliseconds touch_at_most{100};
constexpr seconds touch_at_least{5};
constexpr seconds try_again{1};
constexpr milliseconds retry_at_stop{100};
constexpr seconds turn_limit{10};
constexpr seconds stop_limit{5};

const std::string writing = "writing to the store";

}  // namespace

Writer::Writer(SQLite::Database database, std::filesystem::path file, std::size_t capacity, Watcher* watcher)
    : database_(std::move(database)),
      file_(std::move(file)),
      checkpointer_(database_, file_),
      capacity_(std::max(capacity, rows_of_opened)),
      watcher_(watcher),
      desk_(database_),
      begin_(database_, "BEGIN IMMEDIATE"),
      commit_(database_, "COMMIT"),
      next_try_(Clock::now()),
      touched_(next_try_),
      rate_since_(next_try_),
      thread_([this] { run(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool Writer::submit_opened(SessionRow session, AuditRow audit, Store::Written written) {
  auto opened = std::make_unique<Opened>(Opened{std::move(session), std::move(audit), std::move(written)});
  std::unique_lock lock(mutex_);
  if (alarm_ || stopping_ || waiting_ + rows_of_opened > capacity_) return false;
  waiting_ += rows_of_opened;
  push(std::move(opened), true, std::move(lock));
  return true;
}

void Writer::submit_ended(SessionEnd end) {
  std::unique_lock lock(mutex_);
  ++ends_waiting_;
  push(std::move(end), false, std::move(lock));
}

bool Writer::submit_audit(AuditRow audit) {
  std::unique_lock lock(mutex_);
  if (waiting_ + 1 > capacity_) return false;
  ++waiting_;
  push(std::move(audit), false, std::move(lock));
  return true;
}

Result<void> Writer::perform(Job job) {
  auto errand = std::make_shared<Errand>();
  errand->job = std::move(job);
  push(errand, true, std::unique_lock(mutex_));
  std::unique_lock lock(mutex_);
  const auto begun = [&] { return errand->state != Errand::State::waiting; };
  if (!errand->changed.wait_for(lock, turn_limit, begun)) {
    errand->state = Errand::State::cancelled;
    return failure("the store " + file_.string() + " did not get to it within 10 s; nothing was changed",
                   "see `gatehouse status` for what holds the store up, and try again");
  }
  errand->changed.wait(lock, [&] { return errand->state == Errand::State::done; });
  return errand->result;
}

bool Writer::has_room() const {
  return waiting_ + rows_of_opened <= capacity_;
}

StoreHealth Writer::health() const {
  const std::lock_guard lock(mutex_);
  return {.alarm = alarm_,
          .fault = fault_,
          .queued = waiting_ + ends_waiting_,
          .queue_capacity = capacity_,
          .rows_written = rows_written_,
          .failed_writes = failed_writes_};
}

void Writer::push(Item item, bool awaited, std::unique_lock<std::mutex> lock) {
  incoming_.push_back(std::move(item));
  if (awaited) ++awaited_;
  const bool worth_waking = sleep_ == Sleep::deep || awaited || (incoming_.size() == rows_worth_waking_for && !alarm_);
  if (sleep_ == Sleep::none || !worth_waking) return;
  sleep_ = Sleep::none;  // who comes next need not wake it again
  lock.unlock();         // or it would wake up only to wait for this lock
  wake_.notify_one();
}

void Writer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wait_for_work(lock);
    take();
    lock.unlock();
    if (pending_.empty()) {
      probe();
    } else {
      write_pending();
    }
    lock.lock();
  }
  lock.unlock();
  finish();
}

void Writer::wait_for_work(std::unique_lock<std::mutex>& lock) {
  if (alarm_) {
    // What is kept is tried again once a second, and for who waits: a job learns at once that it cannot be done.
    sleep_ = Sleep::light;
    wake_.wait_until(lock, next_try_, [this] { return stopping_ || awaited_ > 0; });
    sleep_ = Sleep::none;
    return;
  }
  // Lightly first: where one row came, others follow, and those that nobody waits for are then no reason to wake
  // anybody.
  wait_lightly(lock);
  if (incoming_.empty() && !stopping_) {
    sleep_ = Sleep::deep;
    wake_.wait_until(lock, touched_ + touch_at_least, [this] { return stopping_ || !incoming_.empty(); });
    if (!incoming_.empty()) wait_lightly(lock);
  }
  sleep_ = Sleep::none;
  gather(lock);
}

void Writer::gather(std::unique_lock<std::mutex>& lock) {
  // Worth it only where many sessions come at a time: one client that opens one after the other would merely wait.
  if (!busy_ || awaited_ == 0 || commits_until_gathering_ > 0) {
    if (commits_until_gathering_ > 0) --commits_until_gathering_;
    return;
  }
  for (int step = 0; step < most_gathering_steps && !stopping_; ++step) {
    const auto before = awaited_;
    lock.unlock();
    std::this_thread::sleep_for(gathering_step);
    lock.lock();
    if (awaited_ == before) break;
  }
  if (awaited_ < few_sessions) commits_until_gathering_ = commits_without_gathering;
}

void Writer::wait_lightly(std::unique_lock<std::mutex>& lock) {
  sleep_ = Sleep::light;
  wake_.wait_for(lock, gathering,
                 [this] { return stopping_ || awaited_ > 0 || incoming_.size() >= rows_worth_waking_for; });
}

void Writer::take() {
  if (pending_.empty()) {
    pending_.swap(incoming_);
  } else {
    std::move(incoming_.begin(), incoming_.end(), std::back_inserter(pending_));
    incoming_.clear();
  }
  // How many sessions want to open, for whether gathering pays.
  opened_since_ += std::exchange(awaited_, 0);
  const auto elapsed = Clock::now() - rate_since_;
  if (elapsed < rate_window) return;
  busy_ = static_cast<double>(opened_since_) > busy_opens_per_second * std::chrono::duration<double>(elapsed).count();
  opened_since_ = 0;
  rate_since_ += elapsed;
}

void Writer::write_pending() {
  std::size_t at = 0;
  const auto is_errand = [](const Item& item) { return std::holds_alternative<std::shared_ptr<Errand>>(item); };
  while (at < pending_.size()) {
    if (is_errand(pending_[at])) {
      do_errand(*std::get<std::shared_ptr<Errand>>(pending_[at++]));
      continue;
    }
    const auto from = pending_.begin() + static_cast<std::ptrdiff_t>(at);
    const auto most = std::min(most_rows_together, pending_.size() - at);
    const auto to = std::find_if(from, from + static_cast<std::ptrdiff_t>(most), is_errand);
    if (auto written = write_rows({from, to}); !written) {
      pending_.erase(pending_.begin(), from);
      failed(written.error());
      return;
    }
    settle({from, to});
    at = static_cast<std::size_t>(to - pending_.begin());
  }
  pending_.clear();
}

void Writer::settle(std::span<Item> rows) {
  std::size_t ends = 0;
  std::size_t others = 0;
  for (const auto& item : rows) {
    if (std::holds_alternative<SessionEnd>(item)) {
      ++ends;
    } else {
      others += std::holds_alternative<AuditRow>(item) ? 1 : rows_of_opened;
    }
  }
  rows_written_ += ends + others;
  ends_waiting_ -= ends;
  waiting_ -= others;
  for (auto& item : rows) {
    if (const auto* opened = std::get_if<std::unique_ptr<Opened>>(&item)) (*opened)->written(true);
  }
  if (watcher_ != nullptr && watcher_->wants()) tell(rows);
}

void Writer::tell(std::span<const Item> rows) const {
  for (const auto& item : rows) {
    if (const auto* opened = std::get_if<std::unique_ptr<Opened>>(&item)) {
      if ((*opened)->session.id == 0) {
        watcher_->audited((*opened)->audit);
      } else {
        watcher_->opened((*opened)->session);
      }
    } else if (const auto* end = std::get_if<SessionEnd>(&item)) {
      if (end->id != 0) watcher_->ended(*end);
    } else if (const auto* audit = std::get_if<AuditRow>(&item)) {
      watcher_->audited(*audit);
    }
  }
}

Writer::Outcome Writer::in_transaction(const std::function<Result<void>()>& work) {
  const auto roll_back = [this] {
    // Some errors have rolled back already.
    if (sqlite3_get_autocommit(database_.getHandle()) == 0) database_.tryExec("ROLLBACK");
  };
  try {
    execute(begin_);
    desk_.audit.begin();
    if (auto done = work(); !done) {
      roll_back();
      return {std::move(done), false};
    }
    const bool touch = touch_due();
    if (touch) desk_.life.touch(now());
    desk_.audit.seal();
    execute(commit_);
    desk_.audit.committed();
    if (touch) touched_ = Clock::now();
  } catch (const SQLite::Exception& exception) {
    auto fault = fault_of(exception, writing, file_, database_.getHandle());
    roll_back();
    return {std::unexpected(std::move(fault)), !is_constraint(exception)};
  } catch (const DamagedRow& exception) {  // of the work's own rows: others can be written all the same
    roll_back();
    return {std::unexpected(damaged(file_, exception.what())), false};
  } catch (const std::exception& exception) {
    roll_back();
    return {failure(writing + " " + file_.string() + " failed: " + exception.what(), "see the log of the daemon"),
            true};
  }
  if (alarm_) {  // nobody else changes it
    const std::lock_guard lock(mutex_);
    alarm_ = false;
  }
  return {{}, false};
}

bool Writer::touch_due() const {
  return alarm_ || Clock::now() - touched_ >= touch_at_most;
}

Result<void> Writer::write_rows(std::span<const Item> rows) {
  return in_transaction([&]() -> Result<void> {
           for (const auto& item : rows) {
             if (const auto* opened = std::get_if<std::unique_ptr<Opened>>(&item)) {
               const auto& session = (*opened)->session;
               if (session.id != 0 && desk_.sessions.open(session)) desk_.visits.open(session);
               desk_.audit.add((*opened)->audit);
             } else if (const auto* end = std::get_if<SessionEnd>(&item)) {
               desk_.sessions.end(*end);
               desk_.visits.end(*end);
             } else {
               desk_.audit.add(std::get<AuditRow>(item));
             }
           }
           return {};
         })
      .result;
}

void Writer::do_errand(Errand& errand) {
  {
    const std::lock_guard lock(mutex_);
    if (errand.state == Errand::State::cancelled) return;
    errand.state = Errand::State::running;
  }
  errand.changed.notify_all();
  auto outcome = in_transaction([&] { return errand.job(desk_); });
  if (outcome.store_fault) {
    raise_alarm(outcome.result.error());
    next_try_ = Clock::now();  // it may have been too large only: see at once whether anything can be written
  }
  answer(errand, std::move(outcome.result));
}

void Writer::answer(Errand& errand, Result<void> result) {
  {
    const std::lock_guard lock(mutex_);
    if (errand.state == Errand::State::cancelled) return;
    errand.result = std::move(result);
    errand.state = Errand::State::done;
  }
  errand.changed.notify_all();
}

void Writer::raise_alarm(const Error& fault) {
  ++failed_writes_;
  next_try_ = Clock::now() + try_again;
  const std::lock_guard lock(mutex_);
  alarm_ = true;
  fault_ = fault.text();
}

void Writer::failed(const Error& fault) {
  raise_alarm(fault);
  {
    // No more sessions come in from here on, and those that did not make it into the transaction wait as much as the
    // others.
    const std::lock_guard lock(mutex_);
    take();
  }
  std::vector<Item> kept;
  kept.reserve(pending_.size());
  for (auto& item : pending_) {
    if (const auto* opened = std::get_if<std::unique_ptr<Opened>>(&item)) {
      waiting_ -= rows_of_opened;
      (*opened)->written(false);
    } else if (const auto* errand = std::get_if<std::shared_ptr<Errand>>(&item)) {
      answer(**errand, std::unexpected(fault));
    } else {
      kept.push_back(std::move(item));
    }
  }
  pending_ = std::move(kept);
}

void Writer::probe() {
  if (!alarm_ && Clock::now() - touched_ < touch_at_least) return;
  auto outcome = in_transaction([]() -> Result<void> { return {}; });
  if (!outcome.result) raise_alarm(outcome.result.error());
}

void Writer::finish() {
  const auto deadline = Clock::now() + stop_limit;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      take();
    }
    if (pending_.empty()) break;
    write_pending();
    if (pending_.empty()) continue;
    if (Clock::now() >= deadline) return;  // rows are lost: not an orderly end, as the next daemon will say
    std::this_thread::sleep_for(retry_at_stop);
  }
  // Where this fails, the next daemon takes it for a death: the safe side.
  in_transaction([this]() -> Result<void> {
    desk_.life.end(now());
    return {};
  });
}

}  // namespace gatehouse::store
