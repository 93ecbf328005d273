// A session from its beginning to its end: the part of Loop that carries it, once it is let in.
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include "gate/loop.h"
#include "gate/rdp_forwarder.h"

namespace gatehouse::gate {

using relay::awaiting;

// On the writer's thread. A transaction settles many sessions one after the other: one message tells of all of them.
void Loop::rows_are_settled(std::shared_ptr<Session> session, bool ok) {
  {
    const std::lock_guard lock(settled_mutex_);
    settled_.emplace_back(std::move(session), ok);
    if (settled_.size() > 1) return;
  }
  boost::asio::post(context_, [this] { take_settled(); });
}

void Loop::take_settled() {
  std::vector<std::pair<std::shared_ptr<Session>, bool>> settled;
  {
    const std::lock_guard lock(settled_mutex_);
    settled.swap(settled_);
  }
  for (const auto& [session, ok] : settled) {
    session->rows = ok ? Session::Rows::written : Session::Rows::given_up;
    if (session->rows_signal) session->rows_signal->cancel();
    // One that ended before could not know it.
    if (!ok && !session->forwarder) count_given_up(*session);
    if (session->activation) take_activation(*session);
  }
}

Task<void> Loop::run_session(std::shared_ptr<Session> session) {
  relay::RelayOutcome outcome{.reason = policy::EndReason::error, .detail = "internal error"};
  try {
    outcome = co_await carry(*session);
  } catch (const std::exception& exception) {
    spdlog::error("session {}: {}", session->id, exception.what());
    outcome.detail = exception.what();
  }
  ended(session, outcome);
}

Task<relay::RelayOutcome> Loop::carry(Session& session) {
  if (!session.hindrance.empty()) {
    co_return relay::RelayOutcome{.reason = policy::EndReason::error, .detail = session.hindrance};
  }
  if (auto failed = co_await session.forwarder->prepare()) co_return *failed;
  while (session.rows == Session::Rows::waiting) {
    session.rows_signal.emplace(context_.get_executor(), std::chrono::seconds(1));
    boost::system::error_code error;
    co_await session.rows_signal->async_wait(boost::asio::redirect_error(awaiting, error));
  }
  session.rows_signal.reset();
  if (session.rows == Session::Rows::given_up) {
    session.forwarder->abort(policy::EndReason::store_unavailable, "the session's rows could not be written");
  } else if (watcher_ != nullptr && session.is_open && session.is_visit) {
    session.watched = watcher_->opened({session.id, session.user, session.protocol, session.client.address, now()});
  }
  co_return co_await session.forwarder->forward();
}

// Its rows are lost, and it never carried a byte; that it was refused is told when the store can write again.
void Loop::count_given_up(const Session& session) {
  ++counters_.refused;
  store::AuditRow row;
  row.id = store_.next_audit_id();
  row.time = now();
  row.action = "session_denied";
  row.user = session.user;
  row.service = session.service;
  row.source = session.client.address;
  row.destination = session.proxy;
  row.reason = policy::Reason::store_unavailable;
  audit(std::move(row));
}

void Loop::ended(const std::shared_ptr<Session>& session, const relay::RelayOutcome& outcome) {
  ++counters_.ended;
  counters_.bytes_from_client += outcome.bytes_from_client;
  counters_.bytes_to_client += outcome.bytes_to_client;
  store::SessionEnd end{.visit = session->visit, .ended = now(), .reason = outcome.reason};
  const bool goes_on = goes_on_elsewhere(*session, outcome);
  if (session->rows == Session::Rows::given_up) {
    count_given_up(*session);
  } else if (!session->is_open) {
    if (session->opens == Session::Opens::later) {
      note(*session, "connection_ended",
           std::string(policy::name(outcome.reason)) + (outcome.detail.empty() ? "" : ": " + outcome.detail));
    }
  } else if (!goes_on) {
    // Also while the rows of the opening are still on their way: the store keeps the order.
    end.id = session->id;
    end.bytes_from_client = session->connection.bytes_from_client + outcome.bytes_from_client;
    end.bytes_to_client = session->connection.bytes_to_client + outcome.bytes_to_client;
    end.peak_rate = session->peak_rate.value(outcome.bytes_from_client + outcome.bytes_to_client);
    end.detail = outcome.detail;
    end.user = session->user;
    end.service = session->service;
  }
  if (session->watched) watcher_->ended(session->id, end.ended);
  session->forwarder.reset();
  sessions_.erase(session->id);
  if (session->opens == Session::Opens::never) return options_.rdp->explanations.end(session->client.address);
  leave(session->user, end, session->place);
  open_everywhere_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace gatehouse::gate
