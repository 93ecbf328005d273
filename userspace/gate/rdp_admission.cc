// RDP through workers: the part of Loop that lets a connection become a session. It is one when client and backend are
// both ready and its row is written; what ends before (a certificate is looked at, a password typed wrong) is a
// connection, of which the audit tells. A client that comes back goes on with the session that it had.
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>

#include "gate/loop.h"
#include "gate/rdp_error_info.h"
#include "gate/rdp_forwarder.h"
#include "gate/rdp_login.h"

namespace gatehouse::gate {

bool Loop::opens_later(const policy::Decision& decision) const {
  return decision.service != nullptr && decision.service->spec.kind == policy::Kind::rdp && options_.rdp != nullptr;
}

std::unique_ptr<Forwarder> Loop::rdp_forwarder(Session& session, relay::Socket client,
                                               const policy::Decision& decision) {
  RdpTerms terms{.session = session.id,
                 .service = session.service,
                 .server = session.server,
                 .channels = decision.channels,
                 .front = decision.service->spec.front,
                 .user = session.user,
                 .target = snapshot_.policy->document().servers.at(session.server),
                 .grant = decision.grant->name,
                 .recording = decision.recording,
                 .dynamic_channels = {decision.dynamic_channels.begin(), decision.dynamic_channels.end()}};
  terms.judge_login = [this, of = &session](const std::string& login, const std::string& domain) {
    return judge_login(*of, login, domain);
  };
  // The forwarder is the session's, and goes before it.
  terms.note = [this, of = &session](std::string action, std::string detail) {
    note(*of, std::move(action), std::move(detail));
  };
  terms.claim = [this, of = &session](const rdp::ReconnectProof& proof) {
    return options_.rdp->reconnects.claim(proof, {of->user, of->service});
  };
  terms.activate = [this, of = &session](std::optional<std::uint64_t> continued,
                                         std::shared_ptr<RdpActivation> activation) {
    activate(sessions_.at(of->id), continued, std::move(activation));
  };
  return make_rdp_forwarder(*options_.rdp, std::move(client), relay_options(session, decision.service->spec),
                            std::move(terms));
}

// false: it is denied without a word, and the descriptor is still the caller's.
bool Loop::explain(Fd& client, const Endpoint& from, const Endpoint& to, const policy::Decision& decision) {
  if (!opens_later(decision) || decision.service->spec.deny != policy::DenyMode::explain || !accepting_) return false;
  if (!options_.rdp->explanations.begin(from.address)) return false;
  relay::Socket socket(context_.get_executor());
  boost::system::error_code error;
  socket.assign(from.address.is_v4() ? boost::asio::ip::tcp::v4() : boost::asio::ip::tcp::v6(), client.get(), error);
  if (error) {
    options_.rdp->explanations.end(from.address);
    return false;
  }
  client.release();
  auto session = std::make_shared<Session>();
  session->id = store_.next_session_id();
  session->service = decision.service->name;
  if (decision.user != nullptr) session->user = decision.user->name;
  session->client = from;
  session->proxy = to;
  session->opens = Session::Opens::never;
  session->is_open = false;
  session->rows = Session::Rows::written;
  session->forwarder =
      make_rdp_forwarder(*options_.rdp, std::move(socket), relay_options(*session, decision.service->spec),
                         {.session = session->id,
                          .service = session->service,
                          .front = decision.service->spec.front,
                          .note = [](const std::string&, const std::string&) {},
                          .refusal = static_cast<std::uint32_t>(error_info_of(decision.reason))});
  begin(session);
  return true;
}

// What ends this connection, from any thread, when another one takes its place.
std::function<void()> Loop::cut_of(const std::shared_ptr<Session>& session) {
  return [this, connection = std::weak_ptr(session)] {
    boost::asio::post(context_, [connection] {
      const auto former = connection.lock();
      if (!former || !former->forwarder) return;
      former->forwarder->abort(policy::EndReason::normal, "the client went on with another connection");
    });
  };
}

void Loop::activate(const std::shared_ptr<Session>& session, std::optional<std::uint64_t> continued,
                    std::shared_ptr<RdpActivation> activation) {
  session->activation = std::move(activation);
  if (!continued) return begin_session(session);
  options_.rdp->reconnects.take_over(*continued, cut_of(session),
                                     [this, session](const std::optional<ReconnectBook::Place>& place) {
                                       boost::asio::post(context_, [this, session, place] {
                                         if (place) {
                                           go_on_with(session, *place);
                                         } else if (session->forwarder) {
                                           begin_session(session);
                                         }
                                       });
                                     });
}

void Loop::begin_session(const std::shared_ptr<Session>& session) {
  session->place = Presence::Place::taken;
  auto question = session->question(now());
  const auto open_before = presence_.take_place(session->user);
  if (snapshot_.policy->limits_sessions()) question.open_sessions = open_before;
  const auto decision = session->logins.empty() ? policy::decide(snapshot_, question)
                                                : decide_for_login(snapshot_, question, session->logins);
  if (!decision.allowed) return refuse_activation(*session, decision.reason);
  write_opening(session,
                options_.rdp->reconnects.begin(session->id, {session->user, session->service}, cut_of(session)));
}

void Loop::go_on_with(const std::shared_ptr<Session>& session, const ReconnectBook::Place& place) {
  if (!session->forwarder) {
    // Gone before its turn came. The former connection has left the end of the session to this one.
    if (!options_.rdp->reconnects.leave(place.session, place.connection, 0, 0, true)) return;
    store_.submit_session_ended({.id = place.session,
                                 .ended = now(),
                                 .bytes_from_client = place.bytes_from_client,
                                 .bytes_to_client = place.bytes_to_client,
                                 .reason = policy::EndReason::normal,
                                 .user = session->user,
                                 .service = session->service});
    return;
  }
  session->place = Presence::Place::taken;
  presence_.take_place(session->user);
  const auto number = session->id;  // of the connection, and of its recording
  sessions_.erase(number);
  session->id = place.session;
  sessions_.insert_or_assign(session->id, session);
  write_opening(session, place,
                "connection " + std::to_string(place.connection) + ", number " + std::to_string(number));
}

void Loop::write_opening(const std::shared_ptr<Session>& session, const ReconnectBook::Place& place,
                         const std::string& detail) {
  const auto time = now();
  session->connection = place;
  auto row = session_row(*session, time);
  row.continues = place.connection > 1;
  store::AuditRow audit;
  audit.id = store_.next_audit_id();
  audit.time = time;
  audit.action = row.continues ? "session_continued" : "session_allowed";
  audit.user = session->user;
  audit.service = session->service;
  audit.source = session->client.address;
  audit.destination = session->proxy;
  audit.reason = policy::Reason::allowed;
  audit.session_id = session->id;
  audit.detail = detail;
  session->rows = Session::Rows::waiting;
  session->is_open = true;
  auto written = [this, self = session](bool ok) mutable { rows_are_settled(std::move(self), ok); };
  if (store_.submit_session_opened(std::move(row), std::move(audit), std::move(written))) return;
  session->rows = Session::Rows::given_up;
  take_activation(*session);
}

void Loop::refuse_activation(Session& session, policy::Reason reason) {
  auto row = store::AuditRow{};
  row.id = store_.next_audit_id();
  row.time = now();
  row.action = "session_denied";
  row.user = session.user;
  row.service = session.service;
  row.source = session.client.address;
  row.destination = session.proxy;
  row.reason = reason;
  row.session_id = session.id;
  audit(std::move(row));
  ++counters_.denied;
  auto activation = std::exchange(session.activation, nullptr);
  activation->error_info = static_cast<std::uint32_t>(error_info_of(reason));
  if (session.forwarder) session.forwarder->abort(policy::end_reason_for(reason), std::string(policy::name(reason)));
  activation->settle(RdpActivation::State::refused);
}

void Loop::take_activation(Session& session) {
  auto activation = std::exchange(session.activation, nullptr);
  if (!session.forwarder) return;
  if (session.rows != Session::Rows::written) {
    session.forwarder->abort(policy::EndReason::store_unavailable, "the session's rows could not be written");
    return activation->settle(RdpActivation::State::refused);
  }
  if (watcher_ != nullptr) {
    session.watched = watcher_->opened({session.id, session.user, session.protocol, session.client.address, now()});
  }
  activation->session = session.id;
  activation->connection = session.connection.connection;
  activation->cookie = session.connection.cookie;
  activation->settle(RdpActivation::State::open);
}

// The connection of an open session has ended: whether the session has not.
bool Loop::goes_on_elsewhere(const Session& session, const relay::RelayOutcome& outcome) {
  if (session.opens != Session::Opens::later || session.connection.session == 0) return false;
  const bool by_accident = outcome.reason == policy::EndReason::normal || outcome.reason == policy::EndReason::error ||
                           outcome.reason == policy::EndReason::timeout ||
                           outcome.reason == policy::EndReason::client_reset ||
                           outcome.reason == policy::EndReason::backend_reset;
  return !options_.rdp->reconnects.leave(session.connection.session, session.connection.connection,
                                         outcome.bytes_from_client, outcome.bytes_to_client,
                                         by_accident && session.rows != Session::Rows::given_up);
}

}  // namespace gatehouse::gate
