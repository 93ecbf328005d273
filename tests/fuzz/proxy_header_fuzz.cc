// parse_proxy_header_v2() on anything: it never reads beyond its bytes, never needs more than what makes the header
// whole, and what it accepts is written back to the same addresses.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "relay/proxy_protocol.h"

namespace relay = gatehouse::relay;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  const auto parsed = relay::parse_proxy_header_v2(bytes);
  if (!parsed) {
    // A refusal stands, whatever follows; and it says why.
    if (parsed.error().what.empty()) std::abort();
    return 0;
  }
  if (!*parsed) return 0;
  const relay::ProxyHeader& header = **parsed;
  if (header.length < 16 || header.length > size) std::abort();
  // The same answer from exactly its own bytes, and from no fewer.
  const auto exact = relay::parse_proxy_header_v2(bytes.first(header.length));
  if (!exact || !*exact || (*exact)->length != header.length) std::abort();
  const auto shorter = relay::parse_proxy_header_v2(bytes.first(header.length - 1));
  if (!shorter || *shorter) std::abort();
  if (header.local) return 0;
  const auto written = relay::proxy_header_v2(header.source, header.destination);
  const auto again = relay::parse_proxy_header_v2(written);
  if (!again || !*again || (*again)->source != header.source || (*again)->destination != header.destination)
    std::abort();
  return 0;
}
