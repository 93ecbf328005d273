// What peers could say to the gateway in any order and from anywhere: it judges everything, never says UUID_MISMATCH,
// lets no message of a banned id pass to a server, and closes what is no longer allowed. An input is messages, each
//
//   1 byte: 1 to the client (or else to the server), 2 and 4 transport, 8 and 16 role of the port, 32 an operator acts
//   1 byte: the address (of four) and the port; 1 byte: seconds that pass; 2 bytes: length; the message
#include <array>
#include <cstdlib>

#include "policy/bans.h"
#include "rustdesk/device_names.h"
#include "rustdesk/inspector.h"
#include "rustdesk/wire.h"

namespace rustdesk = gatehouse::rustdesk;
namespace policy = gatehouse::policy;
using rustdesk::Judgement;

namespace {

constexpr std::string_view banned_id = "666666666";

rustdesk::ServiceOptions options_of(std::uint8_t choice) {
  rustdesk::ServiceOptions options;
  options.initiator_ambiguous = static_cast<rustdesk::InitiatorPolicy>(choice & 3U);
  options.initiator_unknown = static_cast<rustdesk::InitiatorPolicy>(choice >> 2U & 3U);
  options.strict_tickets = (choice & 16U) != 0;
  options.approve_enrolment = (choice & 32U) != 0;
  if ((choice & 64U) != 0) options.operators.insert("111111111");
  if ((choice & 128U) != 0) options.watched.insert("222222222");
  return options;
}

std::shared_ptr<const policy::BanTable> bans_of(bool more) {
  std::vector<policy::NameBan> bans{{1, policy::Subject::device, std::string(banned_id), std::nullopt}};
  if (more) {
    bans.push_back({2, policy::Subject::device, rustdesk::uuid_name(rustdesk::as_bytes("uuid")), std::nullopt});
    bans.push_back({3, policy::Subject::device, "222222222", std::nullopt});
  }
  return policy::BanTable().with_names(policy::NameBans(bans));
}

bool names_banned(const rustdesk::Body& body) {
  if (const auto* heartbeat = std::get_if<rustdesk::RegisterPeer>(&body)) return heartbeat->id == banned_id;
  if (const auto* registration = std::get_if<rustdesk::RegisterPk>(&body)) return registration->id == banned_id;
  if (const auto* punch = std::get_if<rustdesk::PunchHoleRequest>(&body)) return punch->id == banned_id;
  if (const auto* relay = std::get_if<rustdesk::RequestRelay>(&body)) return relay->id == banned_id;
  if (const auto* sent = std::get_if<rustdesk::PunchHoleSent>(&body)) return sent->id == banned_id;
  if (const auto* local = std::get_if<rustdesk::LocalAddr>(&body)) return local->id == banned_id;
  if (const auto* response = std::get_if<rustdesk::RelayResponse>(&body)) return response->id == banned_id;
  return false;
}

void check(const rustdesk::Context& context, const rustdesk::Message& message, const Judgement& judgement) {
  const bool said = judgement.action == Judgement::Action::replace || judgement.action == Judgement::Action::answer ||
                    judgement.action == Judgement::Action::answer_and_close;
  if (said == judgement.bytes.empty()) std::abort();
  const bool to_server = context.direction == rustdesk::Direction::to_server;
  const bool goes_on = judgement.action == Judgement::Action::pass || judgement.action == Judgement::Action::replace;
  if (to_server && goes_on && names_banned(message.body)) std::abort();
  if (!said) return;
  const auto made = rustdesk::parse(judgement.bytes, 2 * rustdesk::longest_message);
  if (!made) std::abort();
  const auto* response = std::get_if<rustdesk::RegisterPkResponse>(&made->body);
  if (response != nullptr && response->result == rustdesk::RegisterPkResult::uuid_mismatch) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // One for all inputs would make them depend on each other; a new one each time is slow in what it clears.
  rustdesk::DeviceLimits small;
  small.devices = 16;
  small.answers = 64;
  rustdesk::Inspector inspector(small, {.tickets = 8, .unused_of_address = 4});
  rustdesk::Bytes rest(data, size);
  inspector.set_bans(bans_of(false));
  gatehouse::WallTime now{std::chrono::hours(500'000)};
  while (rest.size() >= 5) {
    const auto kind = rest[0];
    const auto place = rest[1];
    now += std::chrono::seconds(rest[2]);
    const auto length = std::min<std::size_t>(rest[3] * 256U + rest[4], rest.size() - 5);
    const auto bytes = rest.subspan(5, length);
    rest = rest.subspan(5 + length);
    if ((kind & 32U) != 0) {
      inspector.set_options(1, options_of(place));
      inspector.set_bans(bans_of((kind & 1U) != 0));
      static_cast<void>(inspector.approve("111111111", (kind & 2U) != 0, now));
      for (const auto& relay : inspector.relays_to_close(now)) {
        for (const auto connection : relay.connections) inspector.closed(connection);
      }
      if (!inspector.relays_to_close(now).empty()) std::abort();
      static_cast<void>(inspector.dropped_ids(now));
      continue;
    }
    const auto message = rustdesk::parse(bytes);
    if (!message) continue;
    rustdesk::Context context;
    context.service = 1;
    context.client = {gatehouse::Address::from_v4(0xC0000200U + (place & 3U)), static_cast<std::uint16_t>(place >> 2U)};
    context.direction = (kind & 1U) != 0 ? rustdesk::Direction::to_client : rustdesk::Direction::to_server;
    context.carrier = static_cast<rustdesk::Carrier>((kind >> 1U & 3U) % 3);
    context.role = static_cast<rustdesk::PortRole>((kind >> 3U & 3U) % 3);
    context.connection = context.carrier == rustdesk::Carrier::udp ? 0 : 1U + place % 16U;
    context.now = now;
    check(context, *message, inspector.judge(context, *message));
    if ((kind & 64U) != 0) inspector.closed(context.connection);
  }
  return 0;
}
