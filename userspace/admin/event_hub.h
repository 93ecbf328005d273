// What happens, told to whoever listens (GET /v1/events): the last events in their order, and readers that each have
// their own place in it. Nobody waits for a reader: one that is too slow, or was away for too long, is told how many it
// missed.
//
// An event is kept only while somebody listens, and for some minutes afterwards, so that a reader that comes back goes
// on where it was. Server-sent events: html.spec.whatwg.org, section 9.2 (text/event-stream).
//
// Threads: any. `wake` of a reader is called by the thread that publishes, with the hub's lock held: it may only post
// to its own loop. Ownership: a reader holds the hub; the hub knows its readers until they are destroyed.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gatehouse::admin {

enum class EventKind : std::uint8_t {
  session_opened,
  session_ended,
  session_denied,
  kernel_denied,
  ban_added,
  ban_removed,
  ban_expired,
  policy_applied,
  alarm_raised,
  alarm_cleared,
};
inline constexpr std::array<std::string_view, 10> event_names{
    "session_opened", "session_ended", "session_denied", "kernel_denied", "ban_added",
    "ban_removed",    "ban_expired",   "policy_applied", "alarm_raised",  "alarm_cleared"};

// Which events; a bit for each kind.
struct EventFilter {
  std::uint32_t kinds = (1U << event_names.size()) - 1;
  [[nodiscard]] bool wants(EventKind kind) const { return (kinds >> static_cast<unsigned>(kind) & 1U) != 0; }
};

class EventHub : public std::enable_shared_from_this<EventHub> {
 public:
  static constexpr std::size_t most_kept = 4096;
  static constexpr std::size_t most_readers = 16;
  static constexpr std::chrono::minutes kept_without_readers{5};

  // `life` begins the ids: events of another life of the daemon are others.
  explicit EventHub(std::uint64_t life) : life_(life) {}
  ~EventHub() = default;
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  // Whether publish() would keep anything. Cheap: ask it before the data is put together.
  [[nodiscard]] bool is_wanted() const;
  void publish(EventKind kind, const nlohmann::json& data);

  class Reader {
   public:
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // What there is to send, whole events, of about `bytes` at most; empty: nothing yet, and `wake` is called once when
    // there is.
    std::string take(std::size_t bytes);

   private:
    friend class EventHub;
    Reader(std::shared_ptr<EventHub> hub, EventFilter filter, std::function<void()> wake)
        : hub_(std::move(hub)), filter_(filter), wake_(std::move(wake)) {}
    std::shared_ptr<EventHub> hub_;
    EventFilter filter_;
    std::function<void()> wake_;
    std::uint64_t next_ = 0;
    std::uint64_t missed_ = 0;  // or
    bool unknown_gap_ = false;  // how many, nobody knows
    bool waits_ = false;
  };

  // `last_id`: the id of the last event that the reader has seen; empty: from now on. Error: too many readers.
  Result<std::unique_ptr<Reader>> listen(EventFilter filter, std::string_view last_id, std::function<void()> wake);

 private:
  struct Event {
    EventKind kind;
    std::string text;  // as it is sent
  };
  void place(Reader& reader, std::string_view last_id) const;
  [[nodiscard]] std::uint64_t first() const { return next_ - events_.size(); }

  const std::uint64_t life_;
  std::atomic<std::int64_t> kept_until_{0};  // of steady_clock
  mutable std::mutex mutex_;
  std::deque<Event> events_;
  std::uint64_t next_ = 1;  // of the next event
  std::vector<Reader*> readers_;
};

}  // namespace gatehouse::admin
