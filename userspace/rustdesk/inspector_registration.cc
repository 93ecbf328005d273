// Inspector: registration, and who is online.
#include <algorithm>

#include "rustdesk/device_names.h"
#include "rustdesk/inspector_ruling.h"
#include "rustdesk/online_states.h"
#include "rustdesk/refusals.h"

namespace gatehouse::rustdesk {
namespace {

using Action = Judgement::Action;

constexpr std::size_t most_askers = 20'000;
constexpr std::size_t most_peers = 4096;

Code code_of(DeviceBan::By by) {
  switch (by) {
    case DeviceBan::By::id:
      return Code::id_banned;
    case DeviceBan::By::uuid:
      return Code::uuid_banned;
    case DeviceBan::By::pk:
      return Code::pk_banned;
    case DeviceBan::By::machine:
      break;
  }
  return Code::machine_banned;
}

bool is_readable(std::string_view id) {
  return !id.empty() && id.size() <= longest_id;
}

Judgement answer(RegistrationRefusal refusal) {
  return Judgement::of(Action::answer, registration_refused(refusal));
}
Judgement silent(Action action, bool ask_identity) {
  auto judgement = Judgement::of(action);
  judgement.ask_identity = ask_identity;
  return judgement;
}

Finding finding_of(std::string_view id, Code code, std::string uuid, std::optional<std::uint64_t> ban) {
  Finding finding;
  finding.check = Check::registration;
  finding.code = code;
  finding.denied = true;
  finding.target = id;
  finding.uuid = std::move(uuid);
  finding.ban = ban;
  return finding;
}

}  // namespace

Judgement Inspector::judge(const Context& context, const RegisterPeer& heartbeat) {
  const auto id = heartbeat.id;
  if (!is_readable(id))
    return denied(context, Check::registration, Code::unreadable_id, {}, Judgement::of(Action::drop));
  const auto slot = devices_.heartbeat(context.client, id, context.now);
  const bool ask = slot != no_slot && devices_.ask_identity(slot, context.client.address, context.now);
  const auto uuid = slot == no_slot ? Bytes() : devices_.uuid_of(devices_.device(slot));
  if (const auto ban = devices_.ban_of(id, context.now)) {
    return found(context, finding_of(id, code_of(ban->by), uuid.empty() ? "" : base64(uuid), ban->id),
                 silent(Action::drop, ask));
  }
  if (is_pending(slot, options(context.service))) {
    return found(context, finding_of(id, Code::device_pending, uuid.empty() ? "" : base64(uuid), {}),
                 silent(Action::drop, ask));
  }
  ++counters_.of(Check::registration, Code::allowed);
  return silent(Action::pass, ask);
}

Judgement Inspector::judge(const Context& context, const RegisterPk& registration) {
  const auto& [id, uuid, pk, old_id, no_register, unknown] = registration;
  static_cast<void>(no_register);
  static_cast<void>(unknown);
  if (!is_readable(id) || uuid.size() > longest_identity || pk.size() > longest_identity) {
    return denied(context, Check::registration, Code::unreadable_id, {}, answer(RegistrationRefusal::not_support));
  }
  resolver_.registered(context.connection, id);
  auto ban = devices_.ban_of(id, uuid, pk, context.now);
  if (!ban && !old_id.empty()) {
    ban = devices_.ban_of(old_id, context.now);
    if (ban) ban->by = DeviceBan::By::machine;
  }
  const bool pending = !ban && is_pending(devices_.find(id), options(context.service));
  const bool forwarded = !ban && !pending && context.carrier == Carrier::udp;
  devices_.registration(context.client, id, uuid, pk, forwarded, context.now);
  if (ban) {
    return found(context, finding_of(id, code_of(ban->by), base64(uuid), ban->id),
                 answer(RegistrationRefusal::not_support));
  }
  if (pending) {
    return found(context, finding_of(id, Code::device_pending, base64(uuid), {}),
                 answer(RegistrationRefusal::not_deployed));
  }
  ++counters_.of(Check::registration, Code::allowed);
  return {};
}

Judgement Inspector::answered(const Context& context, const RegisterPeerResponse& response) {
  devices_.heartbeat_answered(context.client, response.request_pk, context.now);
  return {};
}

Judgement Inspector::answered(const Context& context, const RegisterPkResponse& response) {
  // Whatever hbbs itself answers is passed, UUID_MISMATCH too.
  if (context.carrier == Carrier::udp && response.result == RegisterPkResult::ok) {
    devices_.registration_accepted(context.client, context.now);
  }
  return {};
}

Judgement Inspector::judge(const Context& context, const OnlineRequest& request) {
  // Over UDP nobody proves that it gets answers, and hbbs gives none.
  if (context.carrier == Carrier::udp) return denied(context, Check::message, Code::wrong_port, {}, silence(context));
  // One at a time, as stock clients do it: the answer says nothing of which request it belongs to.
  if (hidden_peers_.contains(context.connection) || hidden_peers_.size() >= most_askers) return silence(context);
  if (is_readable(request.id)) devices_.online_request(context.client, request.id, context.now);
  if (request.peers.size() > most_peers) {
    return denied(context, Check::load, Code::too_many_peers, {}, silence(context));
  }
  Buffer hidden(online_states_size(request.peers.size()));
  for (std::size_t i = 0; i < request.peers.size(); ++i) {
    if (refused_target(request.peers[i], context.service, context.now)) set_online(hidden, i, true);
  }
  hidden_peers_.emplace(context.connection, std::move(hidden));
  return {};
}

Judgement Inspector::answered(const Context& context, const Message& message, const OnlineResponse& response) {
  const auto hidden = hidden_peers_.find(context.connection);
  if (hidden == hidden_peers_.end()) return {};
  Buffer states(response.states.begin(), response.states.end());
  bool changed = false;
  for (std::size_t i = 0; i < std::min(states.size(), hidden->second.size()); ++i) {
    const auto left = static_cast<std::uint8_t>(states[i] & ~hidden->second[i]);
    changed = changed || left != states[i];
    states[i] = left;
  }
  hidden_peers_.erase(hidden);
  if (!changed) return {};
  ++counters_.of(Check::load, Code::peers_hidden);
  Message answer_message{.body = response, .unknown = message.unknown};
  std::get<OnlineResponse>(answer_message.body).states = states;
  return Judgement::of(Action::replace, encode(answer_message));
}

}  // namespace gatehouse::rustdesk
