// A connection of a RustDesk client to one of the ports of its servers. At hbbs's ports each message is judged before
// it goes on, both ways; at hbbr's the first one is, and what follows is between the two clients and passes as it is.
//
// Threads: as every forwarder. What judges (gate/rendezvous.h) is on a thread of its own and is asked by messages.
#pragma once

#include <memory>
#include <string>

#include "gate/forwarder.h"
#include "gate/rendezvous.h"

namespace gatehouse::gate {

struct RustDeskTerms {
  std::uint64_t session = 0;
  std::string service = {};
  policy::RustDeskPort port = policy::RustDeskPort::signal;
  policy::SecureTcp secure_tcp = policy::SecureTcp::deny;
};

// At hbbs's ports.
std::unique_ptr<Forwarder> make_signal_forwarder(std::shared_ptr<Rendezvous> rendezvous, relay::Socket client,
                                                 relay::RelayOptions options, RustDeskTerms terms);
// At hbbr's: gate/rustdesk_relay_forwarder.cc.
std::unique_ptr<Forwarder> make_device_relay_forwarder(std::shared_ptr<Rendezvous> rendezvous, relay::Socket client,
                                                       relay::PipePool& pipes, relay::RelayOptions options,
                                                       RustDeskTerms terms);
std::unique_ptr<Forwarder> make_rustdesk_forwarder(std::shared_ptr<Rendezvous> rendezvous, relay::Socket client,
                                                   relay::PipePool& pipes, relay::RelayOptions options,
                                                   RustDeskTerms terms);

}  // namespace gatehouse::gate
