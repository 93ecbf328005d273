#include "rustdesk/inspector.h"

#include <utility>

#include "rustdesk/device_names.h"
#include "rustdesk/inspector_ruling.h"

namespace gatehouse::rustdesk {
namespace {

using Action = Judgement::Action;

// What clients say to servers (rendezvous.proto). The rest is said by servers, or among clients in a LAN.
bool is_said_by_clients(const Body& body) {
  return std::holds_alternative<RegisterPeer>(body) || std::holds_alternative<RegisterPk>(body) ||
         std::holds_alternative<PunchHoleRequest>(body) || std::holds_alternative<PunchHoleSent>(body) ||
         std::holds_alternative<LocalAddr>(body) || std::holds_alternative<RequestRelay>(body) ||
         std::holds_alternative<RelayResponse>(body) || std::holds_alternative<TestNatRequest>(body) ||
         std::holds_alternative<OnlineRequest>(body) || std::holds_alternative<KeyExchange>(body) ||
         std::holds_alternative<Opaque>(body) || std::holds_alternative<UnknownMember>(body);
}

}  // namespace

Inspector::Inspector(DeviceLimits devices, TicketLimits tickets)
    : devices_(devices), resolver_(devices_), tickets_(tickets) {}

Judgement Inspector::judge(const Context& context, const Message& message) {
  return context.direction == Direction::to_server ? judge_to_server(context, message)
                                                   : judge_to_client(context, message);
}

Judgement Inspector::judge_to_server(const Context& context, const Message& message) {
  const auto& body = message.body;
  if (const auto* heartbeat = std::get_if<RegisterPeer>(&body); heartbeat && heartbeat->id == self_test_id) return {};
  if (devices_.bans().find(context.client.address, context.now)) {
    return denied(context, Check::message, Code::source_banned, {}, silence(context));
  }
  if (!bans_known_ && !options(context.service).open_without_bans) {
    return denied(context, Check::message, Code::bans_unavailable, {}, silence(context));
  }
  if (context.role == PortRole::relay) return judge_relay(context, message);
  if (!is_said_by_clients(body)) {
    return denied(context, Check::message, Code::wrong_direction, {}, silence(context));
  }
  // A server that knows the field would take it for the message, in place of the one that is looked at here.
  if (!message.unknown.empty() && !std::holds_alternative<UnknownMember>(body)) {
    return denied(context, Check::message, Code::unknown_beside, {}, silence(context));
  }
  if (const auto* heartbeat = std::get_if<RegisterPeer>(&body)) return judge(context, *heartbeat);
  if (const auto* registration = std::get_if<RegisterPk>(&body)) return judge(context, *registration);
  if (const auto* request = std::get_if<OnlineRequest>(&body)) return judge(context, *request);
  if (const auto* request = std::get_if<PunchHoleRequest>(&body)) return judge(context, message, *request);
  if (const auto* request = std::get_if<RequestRelay>(&body)) return judge(context, *request);
  if (const auto* response = std::get_if<RelayResponse>(&body)) return judge(context, *response);
  if (const auto* sent = std::get_if<PunchHoleSent>(&body)) return judge_direct(context, sent->socket_addr, sent->id);
  if (const auto* local = std::get_if<LocalAddr>(&body)) return judge_direct(context, local->socket_addr, local->id);
  return {};
}

Judgement Inspector::judge_to_client(const Context& context, const Message& message) {
  const auto& body = message.body;
  if (const auto* response = std::get_if<RegisterPeerResponse>(&body)) return answered(context, *response);
  if (const auto* response = std::get_if<RegisterPkResponse>(&body)) return answered(context, *response);
  if (const auto* response = std::get_if<OnlineResponse>(&body)) return answered(context, message, *response);
  if (const auto* response = std::get_if<PunchHoleResponse>(&body)) return answered(context, *response);
  if (const auto* punch = std::get_if<PunchHole>(&body)) return push(context, message, *punch);
  if (const auto* fetch = std::get_if<FetchLocalAddr>(&body)) return push(context, message, *fetch);
  if (const auto* request = std::get_if<RequestRelay>(&body)) return push(context, *request);
  return {};
}

void Inspector::closed(std::uint64_t connection) {
  tickets_.closed(connection);
  resolver_.closed(connection);
  hidden_peers_.erase(connection);
}

bool Inspector::observe_heartbeat(const Endpoint& from, std::string_view id, bool dropped, WallTime now) {
  static_cast<void>(dropped);  // evidence either way: who is dropped is still there
  const auto slot = devices_.heartbeat(from, id, now);
  return slot != no_slot && devices_.ask_identity(slot, from.address, now);
}

void Inspector::observe_peer_response(const Endpoint& to, bool request_pk, WallTime now) {
  devices_.heartbeat_answered(to, request_pk, now);
}

// ---- what operators say

void Inspector::set_bans(std::shared_ptr<const policy::BanTable> bans) {
  devices_.set_bans(std::move(bans));
  bans_known_ = true;
}

void Inspector::set_options(ServiceId service, ServiceOptions options) {
  options_.insert_or_assign(service, std::move(options));
  std::unordered_set<std::string> listed;
  for (const auto& [each, set] : options_) listed.insert(set.incoming_only.begin(), set.incoming_only.end());
  devices_.set_listed(std::move(listed));
}

void Inspector::remove_service(ServiceId service) {
  options_.erase(service);
}

const ServiceOptions& Inspector::options(ServiceId service) const {
  static const ServiceOptions defaults;
  const auto found = options_.find(service);
  return found == options_.end() ? defaults : found->second;
}

std::vector<DroppedId> Inspector::dropped_ids(WallTime now) const {
  std::vector<DroppedId> dropped;
  for (const auto slot : devices_.marked()) {
    auto ban = devices_.ban_of(slot, now);
    if (!ban || ban->by == DeviceBan::By::id) continue;
    dropped.push_back({devices_.device(slot).id, std::move(*ban)});
  }
  return dropped;
}

// ---- findings

Judgement Inspector::found(const Context& context, Finding finding, Judgement judgement) {
  ++counters_.of(finding.check, finding.code);
  finding.source = context.client;
  if (recent_.is_new(finding, context.now)) judgement.finding = std::move(finding);
  return judgement;
}

Judgement Inspector::denied(const Context& context, Check check, Code code, std::string_view target,
                            Judgement judgement) {
  Finding finding;
  finding.check = check;
  finding.code = code;
  finding.denied = true;
  finding.target = target;
  return found(context, std::move(finding), std::move(judgement));
}

Judgement Inspector::silence(const Context& context) {
  return Judgement::of(context.carrier == Carrier::udp ? Action::drop : Action::close);
}

}  // namespace gatehouse::rustdesk
