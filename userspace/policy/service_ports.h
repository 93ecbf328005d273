// Where a service listens: one port, or the several that belong together in a service of kind rustdesk. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/document.h"

namespace gatehouse::policy {

// What is spoken at one of the ports of a RustDesk service.
enum class RustDeskPort : std::uint8_t { nat, signal, signal_websocket, relay, relay_websocket };

struct ServicePort {
  Transport transport = Transport::tcp;
  std::uint16_t port = 0;
  friend bool operator==(const ServicePort&, const ServicePort&) = default;
};

// Those of kind rustdesk in the order of RustDeskPort, then the signal port over UDP. None twice when
// ports_fit().
std::vector<ServicePort> ports_of(const Service& service);
// A service of kind rustdesk has room below and above its ports, and its two halves do not meet.
bool ports_fit(const Service& service);
// Of a port that ports_of() has.
RustDeskPort rustdesk_port_of(const Service& service, std::uint16_t port);

}  // namespace gatehouse::policy
