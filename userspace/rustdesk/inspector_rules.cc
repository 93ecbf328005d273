// Inspector: who may initiate, who may be reached.
#include "rustdesk/inspector_ruling.h"

namespace gatehouse::rustdesk {

Resolution Inspector::resolve(const Context& context, const Address& source, std::string_view token,
                              std::uint64_t connection) {
  const InitiatorRefused refused(*this, options(context.service), context.now);
  return resolver_.resolve({source, token, connection}, refused, context.now);
}

bool Inspector::is_pending(Slot device, const ServiceOptions& options) const {
  return options.approve_enrolment && (device == no_slot || !devices_.device(device).approved);
}

std::optional<Inspector::Ruling> Inspector::refused_initiator(std::string_view id, Slot device,
                                                              const ServiceOptions& options, WallTime now) const {
  const auto ban = device == no_slot ? devices_.ban_of(id, now) : devices_.ban_of(device, now);
  if (ban) return Ruling{false, false, Code::initiator_banned, ban->id};
  if (options.incoming_only.contains(id)) return Ruling{false, false, Code::initiator_incoming_only, {}};
  if (!options.operators.empty() && !options.operators.contains(id)) {
    return Ruling{false, false, Code::initiator_no_operator, {}};
  }
  if (is_pending(device, options)) return Ruling{false, false, Code::initiator_pending, {}};
  return std::nullopt;
}

std::optional<Inspector::Ruling> Inspector::refused_target(std::string_view id, ServiceId service, WallTime now) const {
  const auto device = devices_.find(id);
  const auto ban = device == no_slot ? devices_.ban_of(id, now) : devices_.ban_of(device, now);
  if (ban) return Ruling{false, false, Code::target_banned, ban->id};
  if (is_pending(device, options(service))) return Ruling{false, false, Code::target_pending, {}};
  return std::nullopt;
}

// One of those with a mark who were there lately.
bool Inspector::has_refused(const Address& address, const InitiatorRefused& refused, WallTime now) const {
  const auto* place = devices_.place(address);
  if (place == nullptr) return false;
  std::size_t looked = 0;
  for (auto at = place->sightings[1].first; at != no_slot; at = devices_.sighting(at).by_place.next) {
    const auto& seen = devices_.sighting(at);
    if (now - seen.last_seen > std::chrono::hours(1)) return false;
    if (++looked > 1024 || refused.refused(seen.device)) return true;
  }
  return false;
}

Inspector::Ruling Inspector::rule(const Resolution& resolution, bool fresh, bool has_token, const Address& source,
                                  ServiceId service, WallTime now) const {
  const auto& rules = options(service);
  if (!bans_known_ && !rules.open_without_bans) return {false, false, Code::bans_unavailable, {}};
  if (const auto banned = devices_.bans().find(source, now)) return {false, false, Code::source_banned, banned->id};
  auto policy = rules.initiator_known;
  std::optional<std::uint64_t> ban;
  auto code = Code::initiator_known;
  if (resolution.outcome == Outcome::known) {
    const auto& id = resolution.ids.front();
    const auto* known = devices_.device(resolution.device, resolution.life);
    const auto device = known != nullptr ? resolution.device : devices_.find(id);
    if (auto refused = refused_initiator(id, device, rules, now)) return *refused;
  } else if (resolution.outcome == Outcome::ambiguous) {
    if (fresh && !resolution.refused) return {true, false, Code::initiator_ambiguous, {}};
    const InitiatorRefused refused(*this, rules, now);
    std::optional<Ruling> one;
    for (const auto& id : resolution.ids) {
      if (!one) one = refused_initiator(id, devices_.find(id), rules, now);
    }
    const bool others = resolution.more && (resolution.refused || has_refused(source, refused, now));
    if (!one && !others) return {true, false, Code::initiator_ambiguous, {}};
    if (one) ban = one->ban;
    policy = rules.initiator_ambiguous;
    code = Code::initiator_ambiguous;
  } else {
    policy = rules.initiator_unknown;
    code = Code::initiator_unknown;
    if (!rules.operators.empty() && policy != InitiatorPolicy::require_token) {
      return {false, false, Code::initiator_no_operator, {}};
    }
  }
  switch (policy) {
    case InitiatorPolicy::allow:
      return {true, false, resolution.outcome == Outcome::known ? Code::allowed : code, ban};
    case InitiatorPolicy::force_relay:
      return {true, true, Code::relay_forced, ban};
    case InitiatorPolicy::require_token:
      if (has_token) return {true, false, resolution.outcome == Outcome::known ? Code::allowed : code, ban};
      return {false, false, Code::initiator_without_token, ban};
    case InitiatorPolicy::deny:
      break;
  }
  return {false, false, code, ban};
}

bool Inspector::is_watched(const Resolution& resolution, std::string_view target, ServiceId service) const {
  const auto& watched = options(service).watched;
  if (watched.empty()) return false;
  if (watched.contains(target)) return true;
  for (const auto& id : resolution.ids) {
    if (watched.contains(id)) return true;
  }
  return false;
}

}  // namespace gatehouse::rustdesk
