// Bytes of RustDesk clients and servers as one message, as frames in pieces, as an address and as keys: what is read is
// written so that it reads the same, an answer of ours is always one that we would read, and nothing is held beyond the
// cap.
//
// Input: 1 byte for the size of the pieces; the bytes.
#include <algorithm>
#include <cstdlib>

#include "rustdesk/address_mangle.h"
#include "rustdesk/frames.h"
#include "rustdesk/messages.h"
#include "rustdesk/refusals.h"
#include "rustdesk/secure_tcp.h"
#include "rustdesk/wire.h"

namespace rustdesk = gatehouse::rustdesk;
using rustdesk::Buffer;
using rustdesk::Bytes;

namespace {

constexpr std::size_t longest = 4096;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_keys(const rustdesk::KeyExchange& exchange) {
  static const auto key = rustdesk::ServerKey::parse(
      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==");
  static const rustdesk::ServerHandshake server(*key);
  if (auto channel = server.finish(exchange)) require(!channel->open(Buffer(40, 1)));
  require(!rustdesk::ClientHandshake::answer(exchange, rustdesk::PublicKey{1}));
}

void check_message(Bytes bytes) {
  const auto message = rustdesk::parse(bytes, longest);
  if (!message) {
    require(!rustdesk::to_text(message.error()).empty());
    return;
  }
  require(bytes.size() <= longest && !rustdesk::name_of(message->body).empty());
  // Written, it says the same: it is read again, and then nothing changes any more. Defaults go, and nothing is added.
  const auto canonical = rustdesk::encode(*message);
  require(canonical.size() <= bytes.size());
  const auto again = rustdesk::parse(canonical, longest);
  require(again && again->body.index() == message->body.index() && again->unknown == message->unknown);
  require(rustdesk::encode(*again) == canonical);
  if (const auto* exchange = std::get_if<rustdesk::KeyExchange>(&message->body)) check_keys(*exchange);
  if (const auto* request = std::get_if<rustdesk::PunchHoleRequest>(&message->body)) {
    require(request->id.size() <= rustdesk::longest_name);
    require(rustdesk::parse(rustdesk::punch_refused(request->id)).has_value());
  }
}

Buffer read_frames(Bytes bytes, std::size_t piece) {
  rustdesk::FrameReader reader(longest);
  Buffer seen;
  while (!bytes.empty()) {
    auto input = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(input.size());
    while (true) {
      const auto frame = reader.next(input);
      require(reader.held() <= longest + 4);
      if (!frame) {
        seen.push_back(0xee);
        return seen;
      }
      if (!*frame) break;
      require((*frame)->payload.size() <= longest && (*frame)->whole.size() - (*frame)->payload.size() <= 4);
      if (piece > longest) check_message((*frame)->payload);
      rustdesk::put_frame(seen, (*frame)->payload);
    }
    require(input.empty());
  }
  return seen;
}

void check_address(Bytes bytes) {
  const auto endpoint = rustdesk::unmangle(bytes);
  const auto tm = static_cast<std::uint32_t>(bytes.size() * 0x9e3779b9U);
  const auto mangled = rustdesk::mangle(endpoint, tm);
  const auto again = rustdesk::unmangle(mangled.view());
  // An IPv4-compatible IPv6 address becomes IPv4; everything else comes back.
  require(again == endpoint || (again.address.is_v4() && bytes.size() == 18));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  check_message(bytes);
  check_address(bytes.first(std::min<std::size_t>(bytes.size(), data[0] % 24U)));
  require(read_frames(bytes, size + longest) == read_frames(bytes, data[0] % 16U + 1));
  return 0;
}
