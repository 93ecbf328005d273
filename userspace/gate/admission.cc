// From an accepted socket to a session or a denial: the part of Loop that decides.
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cerrno>

#include "gate/loop.h"
#include "gate/rdp_forwarder.h"
#include "gate/rustdesk_forwarder.h"

namespace gatehouse::gate {

using relay::awaiting;

namespace {

// The original destination is the accepted socket's own address (never SO_ORIGINAL_DST: kernel-side NAT tables know
// nothing of steering).
std::optional<Endpoint> endpoint_of(int descriptor, decltype(::getsockname)* ask) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (ask(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  return Endpoint::from_sockaddr(storage);
}

constexpr std::size_t hook_questions_at_once = 256;  // a loop's
constexpr std::uint64_t hook_failures_a_line = 100;  // each has its audit row

void reset_and_close(Fd client) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

void Loop::accepted(Fd client) {
  ++counters_.accepted;
  const auto from = endpoint_of(client.get(), ::getpeername);
  const auto to = endpoint_of(client.get(), ::getsockname);
  if (!from || !to) {  // reset by the client while it waited: nobody is there to be judged
    reset_and_close(std::move(client));
    return;
  }
  Arrival arrival{*from, *to};
  if (options_.hook.socket.empty()) {
    judge(std::move(client), arrival);
    return;
  }
  // What the policy refuses whoever it is, nobody is asked about.
  const auto time = now();
  const auto decision = policy::decide(snapshot_, arrival.question(time));
  if (!decision.allowed && decision.reason != policy::Reason::unknown_source_ip) {
    deny(std::move(client), *from, *to, decision, time);
  } else if (hook_.asking() >= hook_questions_at_once) {
    refuse(std::move(client), *from, *to, decision, policy::Reason::out_of_resources, time,
           "too many connections wait for the decision hook");
  } else {
    auto question = hook_question(*from, *to, decision, time);
    boost::asio::co_spawn(context_, ask_hook(std::move(client), std::move(arrival), std::move(question)),
                          boost::asio::detached);
  }
}

// The client waits; not a byte of it is looked at. What has changed meanwhile counts: the policy decides afterwards.
Task<void> Loop::ask_hook(Fd client, Arrival arrival, std::string question) {
  Result<HookAnswer> answer = failure("internal error");
  try {
    answer = co_await hook_.ask(options_.hook, std::move(question));
  } catch (const std::exception& exception) {
    answer = failure(std::string("asking the decision hook: ") + exception.what());
  }
  const auto time = now();
  if (answer && answer->user && !snapshot_.policy->user_named(*answer->user, arrival.from.address)) {
    answer = failure("the decision hook names a user who is not in the policy");
  }
  if (answer && !accepting_) answer = failure("the daemon stops");
  if (answer && answer->allow) {
    arrival.hook = std::move(*answer);
    judge(std::move(client), arrival);
    co_return;
  }
  auto decision = policy::decide(snapshot_, arrival.question(time));
  if (answer) {
    decision.reason = policy::Reason::denied_by_hook;
    decision.holds_until = answer->until.value_or(time);
    deny(std::move(client), arrival.from, arrival.to, decision, time, answer->detail);
    co_return;
  }
  if (hook_failures_++ % hook_failures_a_line == 0) spdlog::error("{}", answer.error().text());
  decision.reason = policy::Reason::hook_failed;
  decision.holds_until = time;
  deny(std::move(client), arrival.from, arrival.to, decision, time, answer.error().what);
}

void Loop::judge(Fd client, const Arrival& arrival) {
  const auto time = now();
  const auto question = arrival.question(time);
  auto decision = policy::decide(snapshot_, question);
  if (!decision.allowed) {
    // Who is at this address is what the hook says, and at the next moment it may say another: no verdict.
    if (arrival.hook.user) decision.holds_until = time;
    deny(std::move(client), arrival.from, arrival.to, decision, time);
    return;
  }
  if (arrival.hook.until && *arrival.hook.until <= time) {
    refuse(std::move(client), arrival.from, arrival.to, decision, policy::Reason::denied_by_hook, time,
           "until then the decision hook allowed it");
    return;
  }
  // Where a session opens later, it takes its place then: until it is known who is coming back, nobody is one too many.
  const auto place = opens_later(decision) ? Presence::Place::not_taken : Presence::Place::taken;
  const auto entry = presence_.enter(decision.user->name, place);
  const bool room = open_everywhere_.fetch_add(1, std::memory_order_relaxed) < options_.max_sessions;
  if (!admit(std::move(client), arrival, question, entry, room)) {
    open_everywhere_.fetch_sub(1, std::memory_order_relaxed);
    leave(decision.user->name, {.visit = entry.visit, .ended = time}, place);
  }
}

bool Loop::admit(Fd client, const Arrival& arrival, policy::Question question, const Presence::Entry& entry,
                 bool room) {
  // Asked again where it counts how many sessions the user has: only now is the own place taken.
  auto decision = policy::decide(snapshot_, question);
  if (snapshot_.policy->limits_sessions() && decision.allowed && !opens_later(decision)) {
    question.open_sessions = entry.open_before;
    decision = policy::decide(snapshot_, question);
  }
  if (!decision.allowed) {
    deny(std::move(client), arrival.from, arrival.to, decision, question.time);
    return false;
  }
  if (!room) {
    refuse(std::move(client), arrival.from, arrival.to, decision, policy::Reason::out_of_resources, question.time);
    return false;
  }
  return open(std::move(client), arrival, decision, entry.visit, question.time);
}

// The place of a session that has ended, or (id 0) was not opened after all.
void Loop::leave(const std::string& user, const store::SessionEnd& end, Presence::Place place) {
  if (auto told = presence_.leave(user, end, place)) store_.submit_session_ended(std::move(*told));
}

store::AuditRow Loop::audit_row(std::string action, const Endpoint& from, const Endpoint& to,
                                const policy::Decision& decision, WallTime time) const {
  store::AuditRow row;
  row.id = store_.next_audit_id();
  row.time = time;
  row.action = std::move(action);
  if (decision.user != nullptr) row.user = decision.user->name;
  if (decision.service != nullptr) row.service = decision.service->name;
  row.source = from.address;
  row.destination = to;
  row.reason = decision.reason;
  return row;
}

void Loop::audit(store::AuditRow row) {
  // The store takes its own copy; a row it has no room for is kept here, and nothing more is accepted until it is in.
  if (!store_.submit_audit(row)) unaudited_.push_back(std::move(row));
}

void Loop::note(const Session& session, std::string action, std::string detail) {
  store::AuditRow row;
  row.time = now();
  row.action = std::move(action);
  row.user = session.user;
  row.service = session.service;
  row.source = session.client.address;
  row.destination = session.proxy;
  row.session_id = session.id;
  row.detail = std::move(detail);
  audit(std::move(row));
}

void Loop::hand_in_unaudited() {
  while (!unaudited_.empty() && store_.submit_audit(unaudited_.back())) unaudited_.pop_back();
}

void Loop::deny(Fd client, const Endpoint& from, const Endpoint& to, const policy::Decision& decision, WallTime time,
                const std::string& detail) {
  ++counters_.denied;
  auto row = audit_row("session_denied", from, to, decision, time);
  row.detail = detail;
  kernel::Verdict verdict{.source = from.address,
                          .destination = to,
                          .transport = policy::Transport::tcp,
                          .expires = time + options_.deny_ttl,
                          .audit_id = row.id,
                          .reason = decision.reason};
  if (decision.holds_until) verdict.expires = std::min(verdict.expires, *decision.holds_until);
  // Who is told why may ask again and be told again: the kernel learns nothing of it.
  const bool explained = explain(client, from, to, decision);
  if (explained) verdict.expires = time;
  if (verdict.expires > time) {
    if (auto put = dataplane_.put_verdict(verdict); !put) {
      // Still denied, here and each time; only the kernel does not know.
      if (counters_.verdict_failures++ == 0) spdlog::error("verdict not put into the kernel: {}", put.error().text());
    }
  }
  spdlog::debug("denied {} -> {}: {}", from.text(), to.text(), policy::name(decision.reason));
  audit(std::move(row));
  if (!explained) reset_and_close(std::move(client));
}

void Loop::refuse(Fd client, const Endpoint& from, const Endpoint& to, const policy::Decision& decision,
                  policy::Reason reason, WallTime time, const std::string& detail) {
  ++counters_.refused;
  auto row = audit_row("session_denied", from, to, decision, time);
  row.detail = detail;
  row.reason = reason;
  audit(std::move(row));
  reset_and_close(std::move(client));
}

std::shared_ptr<Session> Loop::new_session(const Arrival& arrival, const policy::Decision& decision,
                                           std::uint64_t visit) const {
  auto session = std::make_shared<Session>();
  session->id = store_.next_session_id();
  session->user = decision.user->name;
  session->server = decision.server->name;
  session->service = decision.service->name;
  session->protocol = decision.service->spec.protocol;
  session->visit = visit;
  session->default_idle_timeout = options_.idle_timeout;
  session->client = arrival.from;
  session->proxy = arrival.to;
  session->named_user = arrival.hook.user;
  session->hook_until = arrival.hook.until;
  // The ports of a RustDesk service are the server's own.
  const auto& spec = decision.service->spec;
  session->backend = {decision.server->address,
                      spec.kind == policy::Kind::rustdesk ? arrival.to.port : spec.backend_port};
  return session;
}

relay::RelayOptions Loop::relay_options(const Session& session, const policy::Service& spec) const {
  relay::RelayOptions options;
  options.client = session.client;
  options.proxy = session.proxy;
  options.backend = session.backend;
  options.source = spec.source;
  options.proxy_protocol = spec.proxy_protocol;
  options.connect_timeout = spec.connect_timeout.value_or(options_.connect_timeout);
  options.keep_alive = options_.keep_alive;
  options.user_timeout = options_.user_timeout;
  return options;
}

store::SessionRow Loop::session_row(const Session& session, WallTime time) const {
  store::SessionRow row;
  row.id = session.id;
  row.user = session.user;
  row.server = session.server;
  row.service = session.service;
  row.grant = session.grant;
  row.protocol = session.protocol;
  row.client = session.client;
  row.proxy = session.proxy;
  row.backend = session.backend;
  row.policy_version = snapshot_.policy->version();
  row.started = time;
  row.visit = session.visit;
  return row;
}

bool Loop::open(Fd client, const Arrival& arrival, const policy::Decision& decision, std::uint64_t visit,
                WallTime time) {
  const auto& [from, to, hook] = arrival;
  const bool later = opens_later(decision);
  const bool is_rustdesk = decision.service->spec.kind == policy::Kind::rustdesk;
  auto place = is_rustdesk ? options_.rendezvous->silent_connections().enter(from.address) : std::nullopt;
  if (is_rustdesk && !place) {
    refuse(std::move(client), from, to, decision, policy::Reason::out_of_resources, time,
           "too many connections that have not said anything");
    return false;
  }
  auto session = new_session(arrival, decision, visit);
  session->grant = decision.grant->name;
  // Of a connection that is no session yet there is the row of the audit only.
  store::SessionRow row;
  if (later) {
    session->opens = Session::Opens::later;
    session->is_open = false;
    session->place = Presence::Place::not_taken;
  } else {
    row = session_row(*session, time);
  }
  auto audit = audit_row(later ? "connection_allowed" : "session_allowed", from, to, decision, time);
  audit.session_id = session->id;

  // The session waits for this before it passes a byte.
  auto written = [this, session](bool ok) mutable { rows_are_settled(std::move(session), ok); };

  relay::Socket socket(context_.get_executor());
  boost::system::error_code error;
  socket.assign(from.address.is_v4() ? boost::asio::ip::tcp::v4() : boost::asio::ip::tcp::v6(), client.get(), error);
  if (error) {
    refuse(std::move(client), from, to, decision, policy::Reason::out_of_resources, time);
    return false;
  }
  const int descriptor = client.release();
  if (!store_.submit_session_opened(std::move(row), std::move(audit), std::move(written))) {
    socket.release(error);
    refuse(Fd(descriptor), from, to, decision, policy::Reason::store_unavailable, time);
    return false;
  }
  ++counters_.allowed;
  const auto& spec = decision.service->spec;
  if (!later && spec.kind == policy::Kind::rdp && decision.recording == policy::Recording::required) {
    session->hindrance = "its grant wants it recorded, and RDP sessions are relayed as they are";
  }
  if (later) {
    session->forwarder = rdp_forwarder(*session, std::move(socket), decision);
  } else if (is_rustdesk) {
    session->is_visit = false;
    session->forwarder =
        make_rustdesk_forwarder(options_.rendezvous, std::move(socket), pipes_, relay_options(*session, spec),
                                {.session = session->id,
                                 .service = session->service,
                                 .port = policy::rustdesk_port_of(spec, to.port),
                                 .secure_tcp = spec.rustdesk.secure_tcp,
                                 .server_key = options_.rendezvous->server_keys().key(session->service),
                                 .habit = options_.rendezvous->server_keys().habit(session->service),
                                 .place = std::move(place),
                                 .note = [this, of = session.get()](std::string action, std::string detail) {
                                   note(*of, std::move(action), std::move(detail));
                                 }});
  } else {
    session->forwarder = make_forwarder(spec.kind, std::move(socket), pipes_, relay_options(*session, spec));
  }
  take_terms(*session, decision);
  begin(session);
  return true;
}

void Loop::begin(const std::shared_ptr<Session>& session) {
  sessions_.emplace(session->id, session);
  boost::asio::co_spawn(context_, run_session(session), boost::asio::detached);
}

}  // namespace gatehouse::gate
