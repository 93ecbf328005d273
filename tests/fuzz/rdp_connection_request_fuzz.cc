// The first bytes of a client, whole and piece by piece: what is refused early is refused late as well, and a request
// that is whole was possible all along.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "rdp/connection_request.h"

namespace rdp = gatehouse::rdp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> all(data, size);
  const auto whole = rdp::read_connection_request(all);
  if (whole && *whole && (**whole > size || **whole > rdp::longest_connection_request)) std::abort();
  for (std::size_t length = 0; length < size && length <= rdp::longest_connection_request; ++length) {
    const auto part = rdp::read_connection_request(all.first(length));
    if (!part && whole) std::abort();
    if (part && *part && (!whole || *whole != *part)) std::abort();
  }
  return 0;
}
