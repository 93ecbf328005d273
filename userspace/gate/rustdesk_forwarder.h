// A connection of a RustDesk client to one of the ports of its servers. At hbbs's ports each message is judged before
// it goes on, both ways; at hbbr's the first one is, and what follows is between the two clients and passes as it is.
//
// Threads: as every forwarder. What judges (gate/rendezvous.h) is on a thread of its own and is asked by messages.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gate/forwarder.h"
#include "gate/handshake_limit.h"
#include "gate/rendezvous.h"
#include "gate/signal_security.h"
#include "rustdesk/secure_tcp.h"

namespace gatehouse::gate {

struct RustDeskTerms {
  std::uint64_t session = 0;
  std::string service = {};
  policy::RustDeskPort port = policy::RustDeskPort::signal;
  policy::SecureTcp secure_tcp = policy::SecureTcp::deny;
  std::shared_ptr<const rustdesk::ServerKey> server_key = {};
  std::shared_ptr<ServerHabit> habit = {};  // of terminate
  // Among those that have not said anything yet; given back with the first message.
  std::optional<HandshakeLimit::Place> place = {};
  // A row of the audit about this session.
  std::function<void(std::string action, std::string detail)> note = {};
};

std::unique_ptr<Forwarder> make_rustdesk_forwarder(std::shared_ptr<Rendezvous> rendezvous, relay::Socket client,
                                                   relay::PipePool& pipes, relay::RelayOptions options,
                                                   RustDeskTerms terms);
// At hbbr's ports (gate/rustdesk_relay_forwarder.cc), where the one above comes to by itself.
std::unique_ptr<Forwarder> make_device_relay_forwarder(std::shared_ptr<Rendezvous> rendezvous, relay::Socket client,
                                                       relay::PipePool& pipes, relay::RelayOptions options,
                                                       RustDeskTerms terms);

}  // namespace gatehouse::gate
