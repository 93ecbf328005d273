#include "rdp/connection_request.h"

#include <string>

namespace gatehouse::rdp {
namespace {

constexpr std::size_t tpkt_header = 4;
constexpr std::size_t fixed_part = 7;  // of the request: its own length, type, two references, class
constexpr std::uint8_t tpkt_version = 3;
constexpr unsigned connection_request = 0xE;  // the upper four bits of the type

}  // namespace

Result<std::optional<std::size_t>> read_connection_request(std::span<const std::uint8_t> bytes) {
  if (!bytes.empty() && bytes[0] != tpkt_version) {
    return failure("it begins with " + std::to_string(bytes[0]) + ", not with a TPKT of version 3");
  }
  if (bytes.size() < tpkt_header) return std::nullopt;
  const std::size_t length = std::size_t{bytes[2]} << 8U | bytes[3];
  if (length < tpkt_header + fixed_part || length > longest_connection_request) {
    return failure("a TPKT of " + std::to_string(length) + " bytes is no connection request");
  }
  // X.224 counts what follows its first byte; a long routing token is more than the byte can say.
  constexpr std::size_t largest_count = 255;
  if (bytes.size() > tpkt_header && length - tpkt_header - 1 <= largest_count &&
      (bytes[tpkt_header] + std::size_t{1} < fixed_part || bytes[tpkt_header] > length - tpkt_header - 1)) {
    return failure("an X.224 length of " + std::to_string(bytes[tpkt_header]) + " in a TPKT of " +
                   std::to_string(length) + " bytes");
  }
  if (bytes.size() > tpkt_header + 1 && bytes[tpkt_header + 1] >> 4U != connection_request) {
    return failure("X.224 of the type " + std::to_string(bytes[tpkt_header + 1]) + " is no connection request");
  }
  if (bytes.size() < length) return std::nullopt;
  return length;
}

}  // namespace gatehouse::rdp
