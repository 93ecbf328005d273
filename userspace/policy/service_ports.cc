#include "policy/service_ports.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace gatehouse::policy {
namespace {

constexpr std::uint32_t websocket_offset = 2;
constexpr std::uint32_t highest_port = 65535;

std::array<std::uint32_t, 5> numbers_of(const Service& service) {
  const std::uint32_t signal = service.port;
  const std::uint32_t relay = service.rustdesk.relay_port != 0 ? service.rustdesk.relay_port : signal + 1;
  return {signal - 1, signal, signal + websocket_offset, relay, relay + websocket_offset};
}

}  // namespace

bool ports_fit(const Service& service) {
  if (service.kind != Kind::rustdesk) return true;
  auto numbers = numbers_of(service);
  std::ranges::sort(numbers);
  const bool in_range = service.port > 1 && numbers.back() <= highest_port;
  return in_range && std::ranges::adjacent_find(numbers) == numbers.end();
}

std::vector<ServicePort> ports_of(const Service& service) {
  if (service.kind != Kind::rustdesk) return {{service.transport, service.port}};
  std::vector<ServicePort> ports;
  for (const auto number : numbers_of(service)) {
    ports.push_back({Transport::tcp, static_cast<std::uint16_t>(number)});
  }
  ports.push_back({Transport::udp, service.port});
  return ports;
}

RustDeskPort rustdesk_port_of(const Service& service, std::uint16_t port) {
  const auto numbers = numbers_of(service);
  const auto* at = std::ranges::find(numbers, port);
  if (at == numbers.end()) throw std::logic_error("not a port of this service");
  return static_cast<RustDeskPort>(at - numbers.begin());
}

}  // namespace gatehouse::policy
