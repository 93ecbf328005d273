// Judges every message between RustDesk clients and unmodified servers (hbbs and hbbr 1.1.x): passes it, passes it
// changed, answers in the server's place, or drops it. Owns what it knows for that: devices, requests under way, relay
// tickets.
//
// The checks do not depend on how a message came: the same for UDP, TCP and WebSocket, at 21115, 21116 and 21118; at
// hbbr's ports the first frame is judged and nothing else may be said. Each denial has a stable code (findings.h) and
// the answer that stock clients handle well:
//   RegisterPeer of a banned device       nothing: hbbs lists it as offline after 30 s
//   RegisterPk of a banned device         NOT_SUPPORT; of a pending one NOT_DEPLOYED. Never UUID_MISMATCH, at which a
//                                         client draws a new id
//   PunchHoleRequest                      a refused initiator: the refusal text; a refused target: OFFLINE
//   RequestRelay at hbbs                  RelayResponse.refuse_reason
//   RequestRelay at hbbr                  closed
//   PunchHoleSent, LocalAddr, RelayResponse of a banned target, or to a refused initiator: closed, over UDP dropped
//   hbbs to a banned target, or for a refused initiator: dropped
//   OnlineResponse                        banned and pending devices are offline
// What is of a kind that we do not know passes as it is, alone in its message: hbbs 1.1.x does not know it either.
//
// A relay is forced by telling the target that the initiator's NAT is symmetric (PunchHole.nat_type): it then begins
// with the relay itself. FetchLocalAddr becomes such a PunchHole. What connects directly nevertheless is refused.
//
// One thread asks it; it does no I/O, reads no clock. Views in a message are not kept.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/bans.h"
#include "rustdesk/device_table.h"
#include "rustdesk/findings.h"
#include "rustdesk/initiator.h"
#include "rustdesk/messages.h"
#include "rustdesk/recent_findings.h"
#include "rustdesk/relay_tickets.h"
#include "rustdesk/service_options.h"
#include "rustdesk/session_requests.h"

namespace gatehouse::rustdesk {

enum class Carrier : std::uint8_t { udp, tcp, websocket };
enum class PortRole : std::uint8_t { rendezvous, nat, relay };
enum class Direction : std::uint8_t { to_server, to_client };

struct Context {
  ServiceId service = 0;
  Endpoint client;  // whom a message to the server is from, and one to a client is for
  Carrier carrier = Carrier::udp;
  PortRole role = PortRole::rendezvous;
  Direction direction = Direction::to_server;
  std::uint64_t connection = 0;  // the caller's number of a TCP connection, never used twice; 0 for UDP
  WallTime now{};
};

struct Judgement {
  enum class Action : std::uint8_t {
    pass,              // as the bytes that came
    replace,           // `bytes` in its place
    answer,            // `bytes` to the client; the server hears nothing, the connection goes on
    answer_and_close,  // and then the connection is closed
    drop,              // the connection goes on
    close,
  };
  Action action = Action::pass;
  Buffer bytes;
  bool ask_identity = false;       // besides: heartbeat_answered(true) (refusals.h) to the client
  std::optional<Finding> finding;  // for the audit. A resend, or the second of two parallel connections, has none

  static Judgement of(Action action, Buffer bytes = {}) { return {action, std::move(bytes), false, std::nullopt}; }
};

// A relay that is no longer allowed.
struct RelayToClose {
  std::vector<std::uint64_t> connections;
  Finding finding;
};

// A device whose heartbeats shall die beside those of banned ids: its machine is banned.
struct DroppedId {
  std::string id;
  DeviceBan ban;
};

class Inspector {
 public:
  explicit Inspector(DeviceLimits devices = {}, TicketLimits tickets = {});

  Judgement judge(const Context& context, const Message& message);
  // A TCP connection that was judged is gone.
  void closed(std::uint64_t connection);

  // Copies of datagrams that the kernel passed or dropped by itself.
  // true: send heartbeat_answered(true) to this endpoint.
  bool observe_heartbeat(const Endpoint& from, std::string_view id, bool dropped, WallTime now);
  void observe_peer_response(const Endpoint& to, bool request_pk, WallTime now);

  // ---- what operators say. Until the first set_bans() nothing is known of bans (ServiceOptions::open_without_bans).
  void set_bans(std::shared_ptr<const policy::BanTable> bans);
  void set_options(ServiceId service, ServiceOptions options);
  void remove_service(ServiceId service);
  // false: there is no room for it.
  bool approve(std::string_view id, bool approved, WallTime now) { return devices_.approve(id, approved, now); }
  void approve_confirmed() { devices_.approve_confirmed(); }

  // ---- what follows from that
  // Live relays that are no longer allowed. To be asked after each change above, and when a ban or an approval ends.
  [[nodiscard]] std::vector<RelayToClose> relays_to_close(WallTime now) const;
  // Connections of relays in which the device is the target or the known initiator: for a kill.
  [[nodiscard]] std::vector<std::uint64_t> relays_of(std::string_view id) const;
  // Those beyond the banned ids, for the kernel. To be asked when devices().bans_version() changed.
  [[nodiscard]] std::vector<DroppedId> dropped_ids(WallTime now) const;

  [[nodiscard]] const ServiceOptions& options(ServiceId service) const;
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const RelayTickets& tickets() const { return tickets_; }
  [[nodiscard]] const DeviceTable& devices() const { return devices_; }
  DeviceTable& devices() { return devices_; }  // for the store: import, take_changed

 private:
  struct Ruling;
  class InitiatorRefused;
  // Who asked for what is judged: the request, if it is known.
  struct Asked {
    Endpoint endpoint;
    const SessionRequest* request = nullptr;
    Resolution resolution;
    bool has_token = false;
  };

  Judgement judge_to_server(const Context& context, const Message& message);
  Judgement judge_to_client(const Context& context, const Message& message);

  // ---- inspector_registration.cc
  Judgement judge(const Context& context, const RegisterPeer& heartbeat);
  Judgement judge(const Context& context, const RegisterPk& registration);
  Judgement judge(const Context& context, const OnlineRequest& request);
  Judgement answered(const Context& context, const RegisterPeerResponse& response);
  Judgement answered(const Context& context, const RegisterPkResponse& response);
  Judgement answered(const Context& context, const Message& message, const OnlineResponse& response);

  // ---- inspector_sessions.cc
  Judgement judge(const Context& context, const Message& message, const PunchHoleRequest& request);
  Judgement judge(const Context& context, const RequestRelay& request);
  Judgement judge(const Context& context, const RelayResponse& response);
  Judgement judge_direct(const Context& context, Bytes initiator, std::string_view id);  // PunchHoleSent, LocalAddr
  Judgement push(const Context& context, const Message& message, const PunchHole& punch);
  Judgement push(const Context& context, const Message& message, const FetchLocalAddr& fetch);
  Judgement push(const Context& context, const RequestRelay& request);
  Judgement answered(const Context& context, const PunchHoleResponse& response);
  void remember(const Context& context, SessionRequest request);
  std::optional<Code> mint(Ticket ticket, const Context& context);
  Asked asked(const Context& context, Bytes mangled);
  // Of a push: nullopt where it may go on; `force` when over the relay.
  std::optional<Judgement> judge_push(const Context& context, Bytes initiator, std::string_view id, bool& force);

  // ---- inspector_relay.cc
  Judgement judge_relay(const Context& context, const Message& message);
  Judgement join(const Context& context, Ticket& ticket, RelaySide side);
  Judgement join_without_ticket(const Context& context, const RequestRelay& request, RelaySide side);
  [[nodiscard]] bool is_side(const Ticket& ticket, RelaySide side, const Address& address, WallTime now) const;

  // ---- inspector_rules.cc
  // `connection`: the initiator's own, or 0.
  Resolution resolve(const Context& context, const Address& source, std::string_view token, std::uint64_t connection);
  // `fresh`: it was resolved just now, so that what it says of refused ones still holds.
  [[nodiscard]] Ruling rule(const Resolution& resolution, bool fresh, bool has_token, const Address& source,
                            ServiceId service, WallTime now) const;
  // `device`: its slot, or no_slot if it is not in the table.
  [[nodiscard]] std::optional<Ruling> refused_initiator(std::string_view id, Slot device, const ServiceOptions& options,
                                                        WallTime now) const;
  [[nodiscard]] std::optional<Ruling> refused_target(std::string_view id, ServiceId service, WallTime now) const;
  [[nodiscard]] bool has_refused(const Address& address, const InitiatorRefused& refused, WallTime now) const;
  [[nodiscard]] bool is_watched(const Resolution& resolution, std::string_view target, ServiceId service) const;
  [[nodiscard]] bool is_pending(Slot device, const ServiceOptions& options) const;

  // Counts it; and gives the finding with the judgement, unless it is a resend.
  Judgement found(const Context& context, Finding finding, Judgement judgement);
  Judgement denied(const Context& context, Check check, Code code, std::string_view target, Judgement judgement);
  static Judgement silence(const Context& context);  // drop, or close what is a connection

  DeviceTable devices_;
  InitiatorResolver resolver_;
  SessionRequests requests_;
  RelayTickets tickets_;
  std::unordered_map<ServiceId, ServiceOptions> options_;
  // Of the OnlineRequest that is not answered yet, by connection: a bit for each peer, as OnlineResponse has them.
  std::unordered_map<std::uint64_t, Buffer> hidden_peers_;
  RecentFindings recent_;
  Counters counters_;
  bool bans_known_ = false;
};

}  // namespace gatehouse::rustdesk
