// Rendezvous: what comes and goes over UDP.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <exception>

#include "gate/rendezvous.h"

namespace gatehouse::gate {

using relay::awaiting;

namespace {

constexpr std::size_t datagrams_in_a_row = 256;  // then other work has its turn
constexpr std::size_t most_asked = 10'000;

// RendezvousMessage.register_peer_response is field 7, with a length (rendezvous.proto).
bool is_heartbeat_answer(rustdesk::Bytes bytes) {
  constexpr std::uint8_t tag = 0x3a;
  return !bytes.empty() && bytes.front() == tag;
}

rustdesk::Context context_of(rustdesk::ServiceId service, const Endpoint& client, rustdesk::Direction direction) {
  return {.service = service,
          .client = client,
          .carrier = rustdesk::Carrier::udp,
          .role = rustdesk::PortRole::rendezvous,
          .direction = direction,
          .connection = 0,
          .now = now()};
}

}  // namespace

Task<void> Rendezvous::receive_from(Descriptor& descriptor) {
  const relay::Datagrams::Take take = [this](const Endpoint& from, const Endpoint& to, rustdesk::Bytes bytes) {
    take_datagram(from, to, bytes);
  };
  while (true) {
    boost::system::error_code error;
    co_await descriptor.async_wait(Descriptor::wait_read, boost::asio::redirect_error(awaiting, error));
    if (error) co_return;
    try {
      datagrams_.receive(descriptor.native_handle(), take, datagrams_in_a_row);
    } catch (const std::exception& exception) {
      spdlog::error("datagrams: {}", exception.what());
    }
  }
}

// A server is known by where it sends from; whatever else comes here was sent to a proxy IP.
void Rendezvous::take_datagram(const Endpoint& from, const Endpoint& to, rustdesk::Bytes bytes) {
  ++counters_.datagrams;
  if (const auto server = by_server_.find(from); server != by_server_.end()) {
    take_from_server(*server->second, to, bytes);
  } else if (const auto proxy = by_proxy_.find(to); proxy != by_proxy_.end()) {
    take_from_client(*proxy->second, from, bytes);
  }
}

void Rendezvous::send(const Endpoint& from, const Endpoint& to, rustdesk::Bytes bytes) {
  if (auto sent = datagrams_.send(from, to, bytes); !sent) {
    if (counters_.unsent++ == 0) spdlog::warn("{}", sent.error().text());
    return;
  }
  ++counters_.datagrams_passed;
}

// As a connection is: with the kernel's help from then on, and one row for as long as the verdict holds.
bool Rendezvous::is_admitted(const Service& service, const Endpoint& client) {
  const auto time = now();
  const auto decision = policy::decide(snapshot_, {client.address, service.proxy.address, service.proxy.port,
                                                   policy::Transport::udp, time, std::nullopt});
  if (decision.allowed) return true;
  ++counters_.datagrams_denied;
  if (!may_record()) return false;
  store::AuditRow row;
  row.id = store_.next_audit_id();
  row.time = time;
  row.action = "session_denied";
  if (decision.user != nullptr) row.user = decision.user->name;
  row.service = service.name;
  row.source = client.address;
  row.destination = service.proxy;
  row.reason = decision.reason;
  row.detail = "a datagram";
  kernel::Verdict verdict{.source = client.address,
                          .destination = service.proxy,
                          .transport = policy::Transport::udp,
                          .expires = time + deny_ttl_,
                          .audit_id = row.id,
                          .reason = decision.reason};
  if (decision.holds_until) verdict.expires = std::min(verdict.expires, *decision.holds_until);
  if (verdict.expires > time) static_cast<void>(dataplane_.put_verdict(verdict));
  static_cast<void>(store_.submit_audit(std::move(row)));  // nothing has passed
  return false;
}

void Rendezvous::take_from_client(const Service& service, const Endpoint& client, rustdesk::Bytes bytes) {
  if (!is_admitted(service, client)) return;
  const auto context = context_of(service.id, client, rustdesk::Direction::to_server);
  const auto judgement = judge_bytes(context, service, 0, bytes);
  if (!judgement) return;
  // The server answers, too, and one answer is enough: what it says is turned into the question.
  if (judgement->ask_identity && to_ask_.size() < most_asked) to_ask_.insert(client);
  switch (judgement->action) {
    case rustdesk::Judgement::Action::pass:
      return send(client, service.server, bytes);
    case rustdesk::Judgement::Action::replace:
      return send(client, service.server, judgement->bytes);
    case rustdesk::Judgement::Action::answer:
    case rustdesk::Judgement::Action::answer_and_close:
      return send(service.proxy, client, judgement->bytes);
    case rustdesk::Judgement::Action::drop:
    case rustdesk::Judgement::Action::close:
      return;
  }
}

void Rendezvous::take_from_server(const Service& service, const Endpoint& client, rustdesk::Bytes bytes) {
  const auto context = context_of(service.id, client, rustdesk::Direction::to_client);
  const auto judgement = judge_bytes(context, service, 0, bytes);
  if (!judgement) return;
  if (judgement->action == rustdesk::Judgement::Action::pass) {
    const bool asked = !to_ask_.empty() && is_heartbeat_answer(bytes) && to_ask_.erase(client) > 0;
    send(service.proxy, client, asked ? rustdesk::Bytes(question_) : bytes);
  } else if (judgement->action == rustdesk::Judgement::Action::replace) {
    send(service.proxy, client, judgement->bytes);
  }
}

}  // namespace gatehouse::gate
