#include "rustdesk/initiator.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "rustdesk/wire.h"

namespace gatehouse::rustdesk {
namespace {

constexpr Duration asked_lately = std::chrono::seconds(30);
constexpr Duration remembered = std::chrono::hours(1);
constexpr Duration token_kept = std::chrono::hours(12);
constexpr std::size_t token_places = 16384;
constexpr std::size_t most_connections = 100'000;
constexpr std::size_t most_looked_at = 1024;
constexpr std::size_t most_looked_at_for_all = 64;  // of those who are marked

constexpr std::array<std::string_view, 3> outcomes{"unknown", "ambiguous", "known"};
constexpr std::array<std::string_view, 8> evidences{"none",           "claim",       "seen_before", "several_devices",
                                                    "online_request", "sole_device", "token",       "connection"};

Resolution known_by_id(const std::string& id, Evidence evidence) {
  Resolution resolution;
  resolution.outcome = Outcome::known;
  resolution.evidence = evidence;
  resolution.ids.push_back(id);
  return resolution;
}

}  // namespace

std::string_view name(Outcome outcome) {
  return outcomes.at(static_cast<std::size_t>(outcome));
}
std::string_view name(Evidence evidence) {
  return evidences.at(static_cast<std::size_t>(evidence));
}

// Those who may be behind a place.
struct InitiatorResolver::Members {
  std::vector<Slot> refused;
  std::vector<Slot> others;  // confirmed there, or as good as that
  std::vector<Slot> claims;
  bool more = false;     // than are told: there are at least two, and those that are told are the newest
  bool live = false;     // one of them is there now, not only remembered
  bool unknown = false;  // not each could be looked at
  bool unseen = false;   // not each was looked at

  static void add(std::vector<Slot>& to, Slot device, bool& more) {
    to.size() < Resolution::most_ids ? to.push_back(device) : static_cast<void>(more = true);
  }
  // As many as are told beside the refused ones, which are told first; but one, to know that there is one.
  void add_other(Slot device) {
    const bool told = others.empty() || refused.size() + others.size() < Resolution::most_ids;
    told ? others.push_back(device) : static_cast<void>(more = true);
  }
  void add_claim(Slot device) {
    if (claims.size() < Resolution::most_ids) claims.push_back(device);
  }
  [[nodiscard]] bool sole() const { return refused.size() + others.size() == 1 && !more; }
};

InitiatorResolver::InitiatorResolver(const DeviceTable& table) : table_(table) {
  randombytes_buf(token_key_.data(), token_key_.size());
}

void InitiatorResolver::registered(std::uint64_t connection, std::string_view id) {
  if (connection == 0 || id.empty() || id.size() > 128 || registered_.size() >= most_connections) return;
  registered_[connection] = id;
}

InitiatorResolver::Token& InitiatorResolver::token_of(std::string_view text, std::array<unsigned char, 16>& digest) {
  if (tokens_.empty()) tokens_.resize(token_places);
  const auto bytes = as_bytes(text);
  crypto_generichash(digest.data(), digest.size(), bytes.data(), bytes.size(), token_key_.data(), token_key_.size());
  std::uint64_t place = 0;
  std::memcpy(&place, digest.data(), sizeof(place));
  return tokens_[place % token_places];
}

Resolution InitiatorResolver::resolve(const Question& question, const Refused& refused, WallTime now) {
  const auto registered = registered_.find(question.connection);
  const bool said = question.connection != 0 && registered != registered_.end();
  if (said) {
    const auto slot = table_.find(registered->second);
    if (slot != no_slot && refused.refused(slot)) return known_by_id(registered->second, Evidence::connection);
  }
  std::array<unsigned char, 16> digest{};
  Token* token = question.token.empty() ? nullptr : &token_of(question.token, digest);
  if (token != nullptr && !token->id.empty() && token->digest == digest && now - token->at <= token_kept) {
    return known_by_id(token->id, Evidence::token);
  }
  const auto* place = table_.place(question.source);
  auto resolution = place == nullptr ? Resolution() : resolve_place(*place, refused, now);
  if (said && resolution.outcome == Outcome::unknown) return known_by_id(registered->second, Evidence::connection);
  if (token != nullptr && resolution.outcome == Outcome::known && resolution.evidence == Evidence::sole_device) {
    *token = {digest, resolution.ids.front(), now};
  }
  return resolution;
}

Resolution InitiatorResolver::known(Slot device, Evidence evidence) const {
  auto resolution = known_by_id(table_.device(device).id, evidence);
  resolution.device = device;
  resolution.life = table_.device(device).life;
  return resolution;
}

Resolution InitiatorResolver::resolve_place(const Place& place, const Refused& refused, WallTime now) const {
  Members members;
  look_at_marked(place, refused, now, members);
  look_at_others(place, refused, now, members);
  Resolution resolution;
  const auto take = [&](const std::vector<Slot>& devices) {
    for (const auto device : devices) {
      if (resolution.ids.size() == Resolution::most_ids) resolution.more = true;
      if (!resolution.more) resolution.ids.push_back(table_.device(device).id);
    }
  };
  resolution.more = members.more;
  if (members.refused.empty() && members.others.empty()) {
    if (members.claims.empty()) return {};
    resolution.evidence = Evidence::claim;
    take(members.claims);
    return resolution;
  }
  if (members.sole() && members.live) {
    resolution.outcome = Outcome::known;
    const auto slot = members.refused.empty() ? members.others.front() : members.refused.front();
    const bool claimed = members.refused.empty() && !table_.sighting(slot, place.address)->confirmed;
    return known(slot, claimed ? Evidence::online_request : Evidence::sole_device);
  }
  // Whichever of them it is: who adds a forged banned id to its own is as refused as before.
  if (members.others.empty() && !members.unseen && !members.unknown && members.live) {
    return known(members.refused.front(), Evidence::sole_device);
  }
  if (const auto asker = sole_asker(place, now); asker != no_slot) return known(asker, Evidence::online_request);
  resolution.outcome = Outcome::ambiguous;
  resolution.evidence = members.live ? Evidence::several_devices : Evidence::seen_before;
  resolution.refused = !members.refused.empty() || members.unknown;
  resolution.more = false;
  take(members.refused);
  take(members.others);
  resolution.more = resolution.more || members.more;
  return resolution;
}

// Without a mark, and surely none that is refused: the newest of the place, for more are not worth it.
bool InitiatorResolver::has_other(const Place& place, const Refused& refused, WallTime now) const {
  const auto at = place.sightings[0].first;
  if (at == no_slot || refused.looks_at_all()) return false;
  const auto& seen = table_.sighting(at);
  return seen.confirmed && table_.is_live(seen, now);
}

void InitiatorResolver::look_at_marked(const Place& place, const Refused& refused, WallTime now,
                                       Members& members) const {
  const bool others_wait = has_other(place, refused, now);
  std::size_t looked = 0;
  for (auto at = place.sightings[1].first; at != no_slot; at = table_.sighting(at).by_place.next) {
    const auto& seen = table_.sighting(at);
    if (now - seen.last_seen > remembered) return;
    // Two that are refused are enough to know, but whether all are; beyond that it costs more than it is worth.
    const bool several = members.refused.size() >= 2 || (members.more && !members.refused.empty());
    if (several && (others_wait || !members.others.empty() || looked >= most_looked_at_for_all)) {
      members.more = true;
      members.unseen = true;
      return;
    }
    if (++looked > most_looked_at) {
      members.unknown = true;
      return;
    }
    const bool live = table_.is_live(seen, now);
    if (refused.refused(seen.device)) {
      if (!live && table_.is_elsewhere(seen.device, place.address, false, now)) continue;
      Members::add(members.refused, seen.device, members.more);
      members.live |= live;
    } else if (live) {
      if (!seen.confirmed) {
        members.add_claim(seen.device);
        continue;
      }
      Members::add(members.others, seen.device, members.more);
      members.live = true;
    }
  }
}

void InitiatorResolver::look_at_others(const Place& place, const Refused& refused, WallTime now,
                                       Members& members) const {
  const bool all = refused.looks_at_all();
  std::size_t looked = 0;
  for (auto at = place.sightings[0].first; at != no_slot; at = table_.sighting(at).by_place.next) {
    const auto& seen = table_.sighting(at);
    if (!table_.is_live(seen, now)) return;
    // Enough to be told; but that all are refused is known only when no other one is there.
    if (members.more && !members.others.empty() && (!all || !members.refused.empty())) return;
    if (++looked > most_looked_at) {
      members.unknown |= all;
      return;
    }
    const bool asked = now - seen.last_online_request <= asked_lately;
    if (!seen.confirmed && (!asked || table_.is_elsewhere(seen.device, place.address, true, now))) {
      members.add_claim(seen.device);
      continue;
    }
    members.live = true;
    if (all && refused.refused(seen.device)) {
      Members::add(members.refused, seen.device, members.more);
      continue;
    }
    members.add_other(seen.device);
  }
}

// Who alone of a place has a list of peers open.
Slot InitiatorResolver::sole_asker(const Place& place, WallTime now) const {
  const auto lately = [&](const Asker& asker) { return asker.device != no_slot && now - asker.at <= asked_lately; };
  if (!lately(place.askers[0]) || lately(place.askers[1])) return no_slot;
  const auto slot = place.askers[0].device;
  if (table_.device(slot, place.askers[0].life) == nullptr) return no_slot;
  const auto* seen = table_.sighting(slot, place.address);
  if (seen == nullptr) return no_slot;
  return !seen->confirmed && table_.is_elsewhere(slot, place.address, true, now) ? no_slot : slot;
}

}  // namespace gatehouse::rustdesk
