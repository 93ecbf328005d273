// Inspector: the first frames at hbbr, and the relays that live.
#include <algorithm>

#include "rustdesk/inspector_ruling.h"

namespace gatehouse::rustdesk {
namespace {

using Action = Judgement::Action;

Finding finding_of(const Ticket& ticket, Check check, Code code, bool denied, std::optional<std::uint64_t> ban) {
  return {check,
          code,
          denied,
          {},
          ticket.resolution.outcome,
          ticket.resolution.evidence,
          ticket.resolution.ids,
          ticket.resolution.more,
          ticket.target,
          ticket.uuid,
          ban};
}

}  // namespace

Judgement Inspector::judge_relay(const Context& context, const Message& message) {
  const auto* request = std::get_if<RequestRelay>(&message.body);
  if (request == nullptr || context.carrier == Carrier::udp) {
    return denied(context, Check::message, Code::wrong_port, {}, silence(context));
  }
  if (!message.unknown.empty()) return denied(context, Check::message, Code::unknown_beside, {}, silence(context));
  const auto close = [&](Code code) { return denied(context, Check::ticket, code, request->id, silence(context)); };
  if (request->uuid.empty()) return close(Code::ticket_missing);
  const auto side = request->id.empty() ? RelaySide::target : RelaySide::initiator;
  auto* ticket = tickets_.find(request->uuid, context.now);
  const bool strict = options(context.service).strict_tickets;
  if (ticket == nullptr || !ticket->minted) {
    if (strict) return close(Code::ticket_missing);
    return join_without_ticket(context, *request, side);
  }
  const bool same_target = side == RelaySide::target || request->id == ticket->target;
  if (ticket->service != context.service || !same_target) return close(Code::ticket_mismatch);
  // Without strictness a relay that was arranged may come from anywhere, as it could without having been arranged.
  if (strict && !is_side(*ticket, side, context.client.address, context.now)) return close(Code::ticket_mismatch);
  return join(context, *ticket, side);
}

// Whether that side of the ticket is at this address.
bool Inspector::is_side(const Ticket& ticket, RelaySide side, const Address& address, WallTime now) const {
  const auto is_at = [&](std::string_view id) {
    const auto slot = devices_.find(id);
    const auto* seen = slot == no_slot ? nullptr : devices_.sighting(slot, address);
    return seen != nullptr && devices_.is_live(*seen, now);
  };
  if (side == RelaySide::target) return ticket.answerer == address || is_at(ticket.target);
  // A device with both families may ask hbbs over one and come to hbbr over the other.
  return ticket.initiator == address ||
         (ticket.resolution.outcome == Outcome::known && is_at(ticket.resolution.ids.front()));
}

Judgement Inspector::join(const Context& context, Ticket& ticket, RelaySide side) {
  const auto close = [&](Check check, Code code, std::optional<std::uint64_t> ban) {
    return found(context, finding_of(ticket, check, code, true, ban), silence(context));
  };
  // What holds now, of who was found then.
  const auto ruling = rule(ticket.resolution, false, ticket.has_token, ticket.initiator, context.service, context.now);
  if (!ruling.allowed) return close(Check::relay_initiator, ruling.code, ruling.ban);
  if (!ticket.target.empty()) {
    const auto target = refused_target(ticket.target, context.service, context.now);
    if (target) return close(Check::relay_target, target->code, target->ban);
  }
  if (!tickets_.join(ticket, side, context.connection)) return close(Check::ticket, Code::ticket_used, {});
  return found(context, finding_of(ticket, Check::ticket, Code::allowed, false, {}), {});
}

// Where tickets are not required: what the relay is, is put together from what comes.
Judgement Inspector::join_without_ticket(const Context& context, const RequestRelay& request, RelaySide side) {
  auto* ticket = tickets_.find(request.uuid, context.now);
  auto resolution = resolve(context, context.client.address, request.token, context.connection);
  if (side == RelaySide::target && resolution.outcome == Outcome::known) {
    // Nothing says who the target is, but where it is alone.
    if (const auto target = refused_target(resolution.ids.front(), context.service, context.now)) {
      return denied(context, Check::relay_target, target->code, resolution.ids.front(), silence(context));
    }
  }
  if (ticket == nullptr) {
    Ticket made;
    made.uuid = request.uuid;
    made.service = context.service;
    made.minted = false;
    made.initiator = context.client.address;
    if (tickets_.mint(std::move(made), context.now) != RelayTickets::Mint::minted) {
      return denied(context, Check::ticket, Code::ticket_limit, request.id, silence(context));
    }
    ticket = tickets_.find(request.uuid, context.now);
  }
  if (side == RelaySide::target) {
    if (ticket->sides[0].connection != 0) return join(context, *ticket, side);
    // Nobody to judge yet but itself.
    if (!tickets_.join(*ticket, side, context.connection)) {
      return denied(context, Check::ticket, Code::ticket_used, {}, silence(context));
    }
    return found(context, finding_of(*ticket, Check::ticket, Code::allowed, false, {}), {});
  }
  if (ticket->sides[0].connection != 0) {
    return denied(context, Check::ticket, Code::ticket_used, request.id, silence(context));
  }
  // One that somebody else was refused with.
  if (!ticket->used() && ticket->initiator != context.client.address) {
    return denied(context, Check::ticket, Code::ticket_in_use, request.id, silence(context));
  }
  ticket->initiator = context.client.address;
  ticket->target = request.id;
  ticket->resolution = std::move(resolution);
  ticket->has_token = !request.token.empty();
  return join(context, *ticket, side);
}

// ---- relays that live

std::vector<RelayToClose> Inspector::relays_to_close(WallTime now) const {
  std::vector<RelayToClose> closing;
  tickets_.each_used([&](const Ticket& ticket) {
    std::vector<std::uint64_t> connections;
    for (const auto& side : ticket.sides) {
      if (side.connection != 0 && !side.left) connections.push_back(side.connection);
    }
    if (connections.empty()) return;
    const auto close = [&](Check check, Code code, std::optional<std::uint64_t> ban) {
      closing.push_back({std::move(connections), finding_of(ticket, check, code, true, ban)});
      closing.back().finding.source.address = ticket.initiator;
    };
    if (!ticket.minted && options(ticket.service).strict_tickets) {
      return close(Check::ticket, Code::ticket_missing, {});
    }
    if (!ticket.target.empty()) {
      const auto target = refused_target(ticket.target, ticket.service, now);
      if (target) return close(Check::relay_target, target->code, target->ban);
    }
    // Of a relay without a ticket the initiator is known when it has come.
    if (!ticket.minted && ticket.sides[0].connection == 0) return;
    const auto ruling = rule(ticket.resolution, false, ticket.has_token, ticket.initiator, ticket.service, now);
    if (!ruling.allowed) close(Check::relay_initiator, ruling.code, ruling.ban);
  });
  return closing;
}

std::vector<std::uint64_t> Inspector::relays_of(std::string_view id) const {
  std::vector<std::uint64_t> connections;
  tickets_.each_used([&](const Ticket& ticket) {
    const bool initiates = ticket.resolution.outcome == Outcome::known && ticket.resolution.ids.front() == id;
    if (ticket.target != id && !initiates) return;
    for (const auto& side : ticket.sides) {
      if (side.connection != 0 && !side.left) connections.push_back(side.connection);
    }
  });
  return connections;
}

}  // namespace gatehouse::rustdesk
