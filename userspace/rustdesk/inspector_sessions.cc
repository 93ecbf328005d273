// Inspector: how sessions begin at hbbs, from the initiator's request to the target's answer.
#include "rustdesk/address_mangle.h"
#include "rustdesk/device_names.h"
#include "rustdesk/inspector_ruling.h"
#include "rustdesk/refusals.h"

namespace gatehouse::rustdesk {
namespace {

using Action = Judgement::Action;

// Has "offline" in it, so that the client does not try again by itself.
constexpr std::string_view target_text = "The remote device is offline";

Judgement refusal(const Context& context, Buffer bytes) {
  return Judgement::of(context.carrier == Carrier::udp ? Action::answer : Action::answer_and_close, std::move(bytes));
}

Finding finding_of(Check check, Code code, bool denied, const Resolution& resolution, std::string_view target,
                   std::string_view uuid, std::optional<std::uint64_t> ban) {
  return {check,
          code,
          denied,
          {},
          resolution.outcome,
          resolution.evidence,
          resolution.ids,
          resolution.more,
          std::string(target),
          std::string(uuid),
          ban};
}

bool is_usable_id(std::string_view id) {
  return !id.empty() && id.size() <= longest_id;
}

}  // namespace

Judgement Inspector::judge(const Context& context, const Message& message, const PunchHoleRequest& request) {
  if (!is_usable_id(request.id)) {
    return denied(context, Check::punch_target, Code::unreadable_id, {},
                  refusal(context, punch_failed(PunchHoleFailure::id_not_exist)));
  }
  devices_.look_ahead(context.client.address, request.id);
  auto resolution = resolve(context, context.client.address, request.token, context.connection);
  const bool has_token = !request.token.empty();
  const auto ruling = rule(resolution, true, has_token, context.client.address, context.service, context.now);
  if (!ruling.allowed) {
    return found(context, finding_of(Check::punch_initiator, ruling.code, true, resolution, request.id, {}, ruling.ban),
                 refusal(context, punch_refused(options(context.service).refusal_text)));
  }
  if (const auto target = refused_target(request.id, context.service, context.now)) {
    return found(context, finding_of(Check::punch_target, target->code, true, resolution, request.id, {}, target->ban),
                 refusal(context, punch_failed(PunchHoleFailure::offline)));
  }
  const bool force = ruling.force_relay || is_watched(resolution, request.id, context.service);
  const auto code = force ? Code::relay_forced : ruling.code;
  auto finding = finding_of(Check::punch_initiator, code, false, resolution, request.id, {}, ruling.ban);
  remember(context, {std::string(request.id), {}, std::move(resolution), has_token, force, context.now});
  if (!force) return found(context, std::move(finding), {});
  auto changed = request;
  changed.nat_type = NatType::symmetric;
  changed.force_relay = true;
  return found(context, std::move(finding),
               Judgement::of(Action::replace, encode({.body = std::move(changed), .unknown = message.unknown})));
}

void Inspector::remember(const Context& context, SessionRequest request) {
  requests_.put(context.client, request);
  if (context.carrier != Carrier::websocket) return;
  // hbbs knows it by X-Real-IP, without a port; so several of an address are one, and what one is forced to, all are.
  const Endpoint without_port{context.client.address, 0};
  const auto* other = requests_.find(without_port, context.now);
  request.force_relay = request.force_relay || (other != nullptr && other->force_relay);
  requests_.put(without_port, std::move(request));
}

Judgement Inspector::judge(const Context& context, const RequestRelay& request) {
  const auto& text = options(context.service).refusal_text;
  if (!is_usable_id(request.id)) {
    return denied(context, Check::relay_target, Code::unreadable_id, {}, refusal(context, relay_refused(text)));
  }
  devices_.look_ahead(context.client.address, request.id);
  auto resolution = resolve(context, context.client.address, request.token, context.connection);
  const bool has_token = !request.token.empty();
  const auto ruling = rule(resolution, true, has_token, context.client.address, context.service, context.now);
  const auto deny = [&](Check check, Code code, std::optional<std::uint64_t> ban, std::string_view reason) {
    return found(context, finding_of(check, code, true, resolution, request.id, request.uuid, ban),
                 refusal(context, relay_refused(reason)));
  };
  if (!ruling.allowed) return deny(Check::relay_initiator, ruling.code, ruling.ban, text);
  if (const auto target = refused_target(request.id, context.service, context.now)) {
    return deny(Check::relay_target, target->code, target->ban, target_text);
  }
  if (request.uuid.empty()) return deny(Check::ticket, Code::ticket_missing, {}, text);
  Ticket ticket;
  ticket.uuid = request.uuid;
  ticket.service = context.service;
  ticket.target = request.id;
  ticket.initiator = context.client.address;
  ticket.resolution = resolution;
  ticket.has_token = has_token;
  if (const auto code = mint(std::move(ticket), context)) return deny(Check::ticket, *code, {}, text);
  auto finding =
      finding_of(Check::relay_initiator, ruling.code, false, resolution, request.id, request.uuid, ruling.ban);
  remember(context,
           {std::string(request.id), std::string(request.uuid), std::move(resolution), has_token, true, context.now});
  return found(context, std::move(finding), {});
}

// Why there is none.
std::optional<Code> Inspector::mint(Ticket ticket, const Context& context) {
  switch (tickets_.mint(std::move(ticket), context.now)) {
    case RelayTickets::Mint::minted:
    case RelayTickets::Mint::renewed:
      return std::nullopt;
    case RelayTickets::Mint::in_use:
      return Code::ticket_in_use;
    case RelayTickets::Mint::full:
      break;
  }
  if (!options(context.service).strict_tickets) return std::nullopt;
  return Code::ticket_limit;
}

// ---- the target's answers

// Those of an initiator's request; without one the address is all there is.
Inspector::Asked Inspector::asked(const Context& context, Bytes mangled) {
  const auto endpoint = unmangle(mangled);
  const auto* request = requests_.find(endpoint, context.now);
  if (request != nullptr) return {endpoint, request, request->resolution, request->has_token};
  return {endpoint, nullptr, resolve(context, endpoint.address, {}, 0), false};
}

Judgement Inspector::judge_direct(const Context& context, Bytes initiator, std::string_view id) {
  const auto asked_by = asked(context, initiator);
  const auto deny = [&](Code code, std::optional<std::uint64_t> ban) {
    return found(context, finding_of(Check::load, code, true, asked_by.resolution, id, {}, ban), silence(context));
  };
  if (const auto target = refused_target(id, context.service, context.now)) return deny(target->code, target->ban);
  const auto ruling = rule(asked_by.resolution, asked_by.request == nullptr, asked_by.has_token,
                           asked_by.endpoint.address, context.service, context.now);
  if (!ruling.allowed) return deny(ruling.code, ruling.ban);
  if (ruling.force_relay || (asked_by.request != nullptr && asked_by.request->force_relay) ||
      is_watched(asked_by.resolution, id, context.service)) {
    return deny(Code::direct_refused, {});
  }
  ++counters_.of(Check::load, Code::allowed);
  return {};
}

Judgement Inspector::judge(const Context& context, const RelayResponse& response) {
  const auto asked_by = asked(context, response.socket_addr);
  // The answer to RequestRelay has no id: it is of who was asked.
  std::string target(response.id.value_or(std::string_view()));
  const bool is_answer = asked_by.request != nullptr && (target.empty() || asked_by.request->target == target);
  if (target.empty() && is_answer) target = asked_by.request->target;
  const auto deny = [&](Check check, Code code, std::optional<std::uint64_t> ban) {
    return found(context, finding_of(check, code, true, asked_by.resolution, target, response.uuid, ban),
                 silence(context));
  };
  if (!target.empty()) {
    if (const auto refused = refused_target(target, context.service, context.now)) {
      return deny(Check::load, refused->code, refused->ban);
    }
  }
  const auto ruling = rule(asked_by.resolution, asked_by.request == nullptr, asked_by.has_token,
                           asked_by.endpoint.address, context.service, context.now);
  if (!ruling.allowed) return deny(Check::load, ruling.code, ruling.ban);
  if (response.uuid.empty()) {
    auto* ticket = is_answer ? tickets_.find(asked_by.request->uuid, context.now) : nullptr;
    if (ticket != nullptr && ticket->minted && ticket->target == target) ticket->answerer = context.client.address;
    ++counters_.of(Check::load, Code::allowed);
    return {};
  }
  // A relay that the target begins. It is the one that was asked for, or at least speaks from where that device is.
  const auto slot = devices_.find(target);
  const auto* seen = slot == no_slot ? nullptr : devices_.sighting(slot, context.client.address);
  if (target.empty() || (!is_answer && (seen == nullptr || !devices_.is_live(*seen, context.now)))) {
    return deny(Check::load, Code::answer_unasked, {});
  }
  Ticket ticket;
  ticket.uuid = response.uuid;
  ticket.service = context.service;
  ticket.target = target;
  ticket.initiator = asked_by.endpoint.address;
  ticket.resolution = asked_by.resolution;
  ticket.has_token = asked_by.has_token;
  ticket.answerer = context.client.address;
  if (const auto code = mint(std::move(ticket), context)) return deny(Check::ticket, *code, {});
  ++counters_.of(Check::load, Code::allowed);
  return {};
}

Judgement Inspector::answered(const Context& context, const PunchHoleResponse& response) {
  if (response.socket_addr.empty()) return {};
  const auto* request = requests_.find(context.client, context.now);
  if (request == nullptr || !request->force_relay) return {};
  return found(context,
               finding_of(Check::load, Code::direct_refused, true, request->resolution, request->target, {}, {}),
               refusal(context, punch_refused(options(context.service).refusal_text)));
}

// ---- hbbs to the target

std::optional<Judgement> Inspector::judge_push(const Context& context, Bytes initiator, std::string_view id,
                                               bool& force) {
  const auto asked_by = asked(context, initiator);
  std::string target(id);
  if (target.empty() && asked_by.request != nullptr) target = asked_by.request->target;
  const auto slot = devices_.heard_from(context.client);
  if (target.empty() && slot != no_slot) target = devices_.device(slot).id;
  const auto deny = [&](Code code, std::optional<std::uint64_t> ban) {
    return found(context, finding_of(Check::push, code, true, asked_by.resolution, target, {}, ban),
                 Judgement::of(Action::drop));
  };
  if (!target.empty()) {
    if (const auto refused = refused_target(target, context.service, context.now)) {
      return deny(refused->code, refused->ban);
    }
  }
  const auto ruling = rule(asked_by.resolution, asked_by.request == nullptr, asked_by.has_token,
                           asked_by.endpoint.address, context.service, context.now);
  if (!ruling.allowed) return deny(ruling.code, ruling.ban);
  force = ruling.force_relay || (asked_by.request != nullptr && asked_by.request->force_relay) ||
          is_watched(asked_by.resolution, target, context.service);
  ++counters_.of(Check::push, force ? Code::relay_forced : Code::allowed);
  return std::nullopt;
}

Judgement Inspector::push(const Context& context, const Message& message, const PunchHole& punch) {
  bool force = false;
  if (auto judgement = judge_push(context, punch.socket_addr, {}, force)) return std::move(*judgement);
  if (!force || (punch.nat_type == NatType::symmetric && punch.force_relay)) return {};
  auto changed = punch;
  changed.nat_type = NatType::symmetric;
  changed.force_relay = true;
  return Judgement::of(Action::replace, encode({.body = std::move(changed), .unknown = message.unknown}));
}

Judgement Inspector::push(const Context& context, const Message& message, const FetchLocalAddr& fetch) {
  bool force = false;
  if (auto judgement = judge_push(context, fetch.socket_addr, {}, force)) return std::move(*judgement);
  if (!force) return {};
  PunchHole punch;
  punch.socket_addr = fetch.socket_addr;
  punch.relay_server = fetch.relay_server;
  punch.nat_type = NatType::symmetric;
  punch.force_relay = true;
  punch.socket_addr_v6 = fetch.socket_addr_v6;
  punch.control_permissions = fetch.control_permissions;
  punch.controlled_context = fetch.controlled_context;
  return Judgement::of(Action::replace, encode({.body = std::move(punch), .unknown = message.unknown}));
}

Judgement Inspector::push(const Context& context, const RequestRelay& request) {
  bool force = false;
  if (auto judgement = judge_push(context, request.socket_addr, request.id, force)) return std::move(*judgement);
  return {};
}

}  // namespace gatehouse::rustdesk
