// bpf/packet.h, the very code that guard runs, on any bytes: it reads none behind the frame (AddressSanitizer), what it
// finds is what a plain reading of the RFCs finds, and a frame that is cut off never has another source or port than
// the whole one.
#include "packet.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

namespace {

using Bytes = std::span<const std::uint8_t>;

struct Reading {
  packet_shape shape = PACKET_OTHER;
  packet found{};
};

Reading read_frame(Bytes frame) {
  // Of its own and exactly as long, so that a byte too far is a fault; and never null, as the kernel's never is.
  const std::unique_ptr<std::uint8_t[]> copy(new std::uint8_t[frame.size()]);
  std::ranges::copy(frame, copy.get());
  Reading reading;
  reading.shape = packet_read(copy.get(), copy.get() + frame.size(), &reading.found);
  return reading;
}

void require(bool condition) {
  if (!condition) std::abort();
}

bool same_address(const gatehouse_address& left, const gatehouse_address& right) {
  return std::memcmp(&left, &right, sizeof left) == 0;
}

// The plain reading: by offsets, with nothing of a verifier in mind.
class Plain {
 public:
  explicit Plain(Bytes frame) : frame_(frame) {}

  Reading read() {
    Reading reading;
    std::size_t at = 12;
    if (!has(0, 14)) return reading;
    unsigned type = word(at);
    at += 2;
    for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); ++tags) {
      if (!has(at, 4)) return reading;
      type = word(at + 2);
      at += 4;
    }
    if (type == 0x0800) read_v4(at, reading);
    if (type == 0x86dd) read_v6(at, reading);
    return reading;
  }

 private:
  [[nodiscard]] bool has(std::size_t at, std::size_t bytes) const { return at + bytes <= frame_.size(); }
  [[nodiscard]] unsigned byte(std::size_t at) const { return frame_[at]; }
  [[nodiscard]] unsigned word(std::size_t at) const { return byte(at) << 8U | byte(at + 1); }

  void read_v4(std::size_t at, Reading& reading) const {
    reading.shape = PACKET_MALFORMED;
    if (!has(at, 20) || byte(at) >> 4U != 4 || (byte(at) & 15U) < 5) return;
    reading.shape = PACKET_IP;
    auto& flow = reading.found.flow;
    for (auto* address : {&flow.source, &flow.destination}) {
      address->bytes[10] = 0xff;
      address->bytes[11] = 0xff;
    }
    std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(at) + 12, 4, flow.source.bytes + 12);
    std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(at) + 16, 4, flow.destination.bytes + 12);
    flow.l4proto = frame_[at + 9];
    if ((word(at + 6) & 0x1fffU) == 0) read_transport(at + std::size_t{4} * (byte(at) & 15U), reading);
  }

  void read_v6(std::size_t at, Reading& reading) const {
    reading.shape = PACKET_MALFORMED;
    if (!has(at, 40) || byte(at) >> 4U != 6) return;
    reading.shape = PACKET_IP;
    auto& flow = reading.found.flow;
    std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(at) + 8, 16, flow.source.bytes);
    std::copy_n(frame_.begin() + static_cast<std::ptrdiff_t>(at) + 24, 16, flow.destination.bytes);
    std::uint8_t next = frame_[at + 6];
    const std::size_t chain = at + 40;
    std::size_t header = chain;
    while (next == 0 || next == 43 || next == 44 || next == 51 || next == 60) {
      if ((header - chain) / 8 >= PACKET_MAX_EXTENSION_UNITS) return;
      flow.l4proto = next;
      if (!has(header, 8)) return;
      const std::uint8_t kind = next;
      const unsigned length = byte(header + 1);
      if (kind == 44 && (word(header + 2) & 0xfff8U) != 0) {
        flow.l4proto = frame_[header];
        return;
      }
      next = frame_[header];
      if (kind == 51 && length % 2 != 0) return;
      header += std::size_t{8} * (kind == 44 ? 1 : kind == 51 ? length / 2 + 1 : length + 1);
    }
    if ((header - chain) / 8 >= PACKET_MAX_EXTENSION_UNITS) return;
    flow.l4proto = next;
    read_transport(header, reading);
  }

  void read_transport(std::size_t at, Reading& reading) const {
    auto& flow = reading.found.flow;
    if ((flow.l4proto != 6 && flow.l4proto != 17) || !has(at, 4)) return;
    flow.port = static_cast<std::uint16_t>(word(at + 2));
    if (flow.l4proto == 6 && has(at, 14)) reading.found.opening = (byte(at + 13) & 0x12U) == 0x02 ? 1 : 0;
  }

  Bytes frame_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes frame(data, size);
  const Reading whole = read_frame(frame);
  const Reading plain = Plain(frame).read();
  require(whole.shape == plain.shape);
  if (whole.shape != PACKET_IP) return 0;
  require(std::memcmp(&whole.found, &plain.found, sizeof whole.found) == 0);

  // Cutting a frame off can take away what was found, never change it.
  constexpr std::size_t longest_cut = 256;
  for (std::size_t length = 0; length < std::min(size, longest_cut); ++length) {
    const Reading cut = read_frame(frame.first(length));
    if (cut.shape != PACKET_IP) continue;
    require(same_address(cut.found.flow.source, whole.found.flow.source));
    require(same_address(cut.found.flow.destination, whole.found.flow.destination));
    require(cut.found.flow.port == 0 || cut.found.flow.port == whole.found.flow.port);
    require(cut.found.opening == 0 || whole.found.opening != 0);
  }
  return 0;
}
