#include "admin/event_hub.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace gatehouse::admin {
namespace {

constexpr auto for_ever = std::numeric_limits<std::int64_t>::max();

std::int64_t steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

bool read_number_of_id(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

bool EventHub::is_wanted() const {
  const auto until = kept_until_.load(std::memory_order_relaxed);
  return until == for_ever || (until != 0 && steady_now() < until);
}

void EventHub::publish(EventKind kind, const nlohmann::json& data) {
  if (!is_wanted()) return;
  const auto body = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);  // one line
  const std::lock_guard lock(mutex_);
  events_.push_back({kind, "id: " + std::to_string(life_) + "-" + std::to_string(next_) +
                               "\nevent: " + std::string(event_names.at(static_cast<std::size_t>(kind))) +
                               "\ndata: " + body + "\n\n"});
  ++next_;
  if (events_.size() > most_kept) events_.pop_front();
  for (auto* reader : readers_) {
    if (!reader->waits_ || !reader->filter_.wants(kind)) continue;
    reader->waits_ = false;
    reader->wake_();
  }
}

Result<std::unique_ptr<EventHub::Reader>> EventHub::listen(EventFilter filter, std::string_view last_id,
                                                           std::function<void()> wake) {
  std::unique_ptr<Reader> reader(new Reader(shared_from_this(), filter, std::move(wake)));
  const std::lock_guard lock(mutex_);
  if (readers_.size() >= most_readers) {
    return failure(std::to_string(most_readers) + " streams of events are open",
                   "close one of them, or let one program hand them on");
  }
  // Of what happened while nobody listened nothing was kept: what is there may have a hole, and ends before it.
  if (!is_wanted()) {
    events_.clear();
    ++next_;  // so that an id from before is known to be one
  }
  place(*reader, last_id);
  readers_.push_back(reader.get());
  kept_until_ = for_ever;
  return reader;
}

void EventHub::place(Reader& reader, std::string_view last_id) const {
  reader.next_ = next_;
  if (last_id.empty()) return;
  std::uint64_t life = 0;
  std::uint64_t seen = 0;
  const auto dash = last_id.find('-');
  const bool readable = dash != std::string_view::npos && read_number_of_id(last_id.substr(0, dash), life) &&
                        read_number_of_id(last_id.substr(dash + 1), seen);
  if (!readable || life != life_ || seen >= next_ || seen + 1 < first()) {
    reader.unknown_gap_ = true;
  } else {
    reader.next_ = seen + 1;
  }
}

EventHub::Reader::~Reader() {
  const std::lock_guard lock(hub_->mutex_);
  if (std::erase(hub_->readers_, this) == 0 || !hub_->readers_.empty()) return;
  hub_->kept_until_ = steady_now() + std::chrono::steady_clock::duration(kept_without_readers).count();
}

std::string EventHub::Reader::take(std::size_t bytes) {
  const std::lock_guard lock(hub_->mutex_);
  std::string text;
  if (next_ < hub_->first()) {
    missed_ += hub_->first() - next_;
    next_ = hub_->first();
  }
  if (unknown_gap_) {
    text = "event: missed\ndata: {\"count\":null}\n\n";
  } else if (missed_ > 0) {
    text = "event: missed\ndata: {\"count\":" + std::to_string(missed_) + "}\n\n";
  }
  unknown_gap_ = false;
  missed_ = 0;
  for (; next_ < hub_->next_ && text.size() < bytes; ++next_) {
    const auto& event = hub_->events_[next_ - hub_->first()];
    if (filter_.wants(event.kind)) text += event.text;
  }
  waits_ = text.empty();
  return text;
}

}  // namespace gatehouse::admin
