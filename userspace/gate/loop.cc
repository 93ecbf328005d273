#include "gate/loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>
#include <string>

#include "gate/rdp_login.h"

namespace gatehouse::gate {

using relay::awaiting;

namespace {

constexpr std::chrono::milliseconds tick_period{200};
constexpr std::chrono::milliseconds hold_back_period{5};
constexpr std::chrono::milliseconds slice_of_work{3};  // then other events have their turn
constexpr std::array<Duration, 2> warnings{std::chrono::minutes(5), std::chrono::minutes(1)};  // before the end
constexpr int accepts_in_a_row = 64;  // then other events have their turn

Fd open_spare() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

Loop::Loop(std::size_t number, const GateOptions& options, policy::Snapshot snapshot, store::Store& store,
           kernel::Dataplane& dataplane, std::atomic<std::size_t>& open_everywhere, Presence& presence,
           SessionWatcher* watcher)
    : number_(number),
      options_(options),
      snapshot_(std::move(snapshot)),
      store_(store),
      dataplane_(dataplane),
      open_everywhere_(open_everywhere),
      presence_(presence),
      watcher_(watcher),
      hook_(context_),
      work_(boost::asio::make_work_guard(context_)),
      tick_timer_(context_.get_executor()),
      spare_(open_spare()) {}

Loop::~Loop() {
  finish();
}

Result<void> Loop::add_listener(int descriptor) {
  Fd duplicate(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!duplicate) return system_failure("duplicating a listening socket", errno);
  listeners_.push_back(std::make_unique<Descriptor>(context_.get_executor(), duplicate.release()));
  return {};
}

void Loop::run() {
  for (auto& listener : listeners_) boost::asio::co_spawn(context_, accept_from(*listener), boost::asio::detached);
  boost::asio::co_spawn(context_, tick(), boost::asio::detached);
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), ("gate-" + std::to_string(number_)).c_str());
    context_.run();
  });
}

void Loop::finish() {
  if (!thread_.joinable()) return;
  boost::asio::post(context_, [this] {
    stop_accepting();
    tick_timer_.cancel();
    work_.reset();
    context_.stop();
  });
  thread_.join();
}

void Loop::stop_accepting() {
  accepting_ = false;
  for (auto& listener : listeners_) listener->cancel();
}

Task<void> Loop::accept_from(Descriptor& listener) {
  Timer pause(context_.get_executor());
  while (accepting_) {
    boost::system::error_code error;
    co_await listener.async_wait(Descriptor::wait_read, boost::asio::redirect_error(awaiting, error));
    if (!accepting_) co_return;
    for (int i = 0; i < accepts_in_a_row && accepting_; ++i) {
      // A denial is audited too: without room for a row nothing is taken out of the backlog.
      while (accepting_ && (!unaudited_.empty() || !store_.has_room())) {
        ++counters_.held_back;
        pause.expires_after(hold_back_period);
        co_await pause.async_wait(boost::asio::redirect_error(awaiting, error));
        hand_in_unaudited();
      }
      if (!accepting_) co_return;
      Fd client(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (client) {
        accepted(std::move(client));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        ++counters_.accept_failures;
        refuse_one_without_descriptor(listener.native_handle());
        pause.expires_after(hold_back_period);
        co_await pause.async_wait(boost::asio::redirect_error(awaiting, error));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      }  // else: that one connection is gone (ECONNABORTED and the like): take the next
    }
  }
}

// With the spare descriptor's place the connection is taken and reset, so that the client hears "no" at once instead of
// waiting in the backlog.
void Loop::refuse_one_without_descriptor(int listener) {
  spare_.reset();
  Fd client(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (client) {
    accepted(std::move(client));
  }
  spare_ = open_spare();
}

Task<void> Loop::tick() {
  while (true) {
    boost::system::error_code error;
    tick_timer_.expires_after(tick_period);
    co_await tick_timer_.async_wait(boost::asio::redirect_error(awaiting, error));
    if (error) co_return;
    hand_in_unaudited();
    // Many may end at once (a schedule closes): bytes of the others go on in between.
    auto all = all_sessions();
    auto slice = std::chrono::steady_clock::now();
    for (const auto& session : all) {
      const auto steady = std::chrono::steady_clock::now();
      if (steady - slice >= slice_of_work) {
        co_await boost::asio::post(context_, awaiting);
        slice = std::chrono::steady_clock::now();
      }
      if (!session->forwarder) continue;  // has ended meanwhile
      const auto time = now();
      session->forwarder->expire(steady);
      session->peak_rate.look(session->forwarder->bytes_from_client() + session->forwarder->bytes_to_client(), steady);
      if (session->judge_at && *session->judge_at <= time && !judge_again(*session, time)) continue;
      announce_end(*session, time);
    }
  }
}

std::vector<std::shared_ptr<Session>> Loop::all_sessions() const {
  std::vector<std::shared_ptr<Session>> all;
  all.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) all.push_back(session);
  return all;
}

void Loop::publish(const policy::Snapshot& snapshot) {
  snapshot_ = snapshot;
  to_judge_ = all_sessions();
}

bool Loop::judge_some(std::size_t& ended) {
  const auto until = std::chrono::steady_clock::now() + slice_of_work;
  while (!to_judge_.empty()) {
    const auto session = std::move(to_judge_.back());
    to_judge_.pop_back();
    if (session->forwarder && !judge_again(*session, now())) ++ended;
    if (std::chrono::steady_clock::now() >= until) return true;
  }
  return false;
}

bool Loop::judge_again(Session& session, WallTime time) {
  if (session.opens == Session::Opens::never) return true;
  if (session.hook_until && *session.hook_until <= time) {
    return !session.forwarder->abort(policy::EndReason::grant_expired, "until then the decision hook allowed it");
  }
  const auto decision = session.logins.empty() ? policy::decide(snapshot_, session.question(time))
                                               : decide_for_login(snapshot_, session.question(time), session.logins);
  if (!decision.allowed) {
    return !session.forwarder->abort(policy::end_reason_for(decision.reason),
                                     std::string(policy::name(decision.reason)));
  }
  // Allowed, but as somebody else or to something else: this is another session.
  if (decision.user->name != session.user) {
    return !session.forwarder->abort(policy::EndReason::grant_revoked,
                                     "the source address now belongs to another user");
  }
  const Endpoint backend{decision.server->address, decision.service->spec.backend_port};
  if (decision.service->name != session.service || backend != session.backend) {
    return !session.forwarder->abort(policy::EndReason::service_removed, "the service now stands for another backend");
  }
  take_terms(session, decision);
  return true;
}

void Loop::take_terms(Session& session, const policy::Decision& decision) {
  session.holds_until = decision.holds_until;
  if (session.hook_until && (!session.holds_until || *session.hook_until < *session.holds_until)) {
    session.holds_until = session.hook_until;
  }
  session.judge_at = session.holds_until;
  // Another grant may go on after the one that is named, with other terms.
  if (decision.grant_until && (!session.judge_at || *decision.grant_until < *session.judge_at)) {
    session.judge_at = decision.grant_until;
  }
  session.grant = decision.grant->name;
  const auto& own = decision.service->spec.idle_timeout;
  session.forwarder->set_idle_timeout(decision.idle_timeout.value_or(own.value_or(session.default_idle_timeout)));
}

void Loop::announce_end(Session& session, WallTime time) const {
  const auto left = session.holds_until ? *session.holds_until - time : Duration::max();
  if (left <= Duration::zero()) return;  // it is ending already
  std::optional<Duration> due;
  for (const auto warning : warnings) {
    if (left <= warning) due = warning;
  }
  const auto announced_end = due ? session.holds_until : std::nullopt;
  if (due == session.announced && announced_end == session.announced_end) return;
  session.announced = due;
  session.announced_end = announced_end;
  if (!due) return;  // the end has moved away
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left);
  spdlog::info("session {} of {} ends in {}", session.id, session.user, format_duration(seconds));
  session.forwarder->announce_end(left);
}

std::vector<LiveSession> Loop::sessions() const {
  std::vector<LiveSession> list;
  list.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) list.push_back(session->live());
  return list;
}

std::vector<std::uint64_t> Loop::end_sessions(const std::vector<std::uint64_t>& ids, policy::EndReason reason,
                                              const std::string& detail) {
  std::vector<std::uint64_t> done;
  for (const auto id : ids) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) continue;
    if (found->second->forwarder->abort(reason, detail)) done.push_back(id);
  }
  return done;
}

void Loop::end_all(policy::EndReason reason) {
  hook_.cancel();
  for (auto& [id, session] : sessions_) session->forwarder->abort(reason, {});
}

GateCounters Loop::counters() const {
  auto counters = counters_;
  counters.open = sessions_.size();
  counters.pipe_failures = pipes_.failures();
  return counters;
}

}  // namespace gatehouse::gate
