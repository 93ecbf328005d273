#include "support/pattern.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "support/patience.h"

namespace gatehouse::test {

Pattern::Pattern(std::uint64_t seed) : bytes_(block) {
  // xorshift64*: any generator does, this one is short and quick.
  std::uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (char& byte : bytes_) {
    state ^= state >> 12U;
    state ^= state << 25U;
    state ^= state >> 27U;
    byte = static_cast<char>((state * 0x2545f4914f6cdd1dULL) >> 56U);
  }
}

std::span<const char> Pattern::at(std::uint64_t offset, std::uint64_t most) const {
  const std::size_t begin = offset % block;
  return std::span(bytes_).subspan(begin, std::min<std::uint64_t>(block - begin, most));
}

bool Pattern::matches(std::uint64_t offset, std::span<const char> data) const {
  while (!data.empty()) {
    const auto expected = at(offset, data.size());
    if (std::memcmp(expected.data(), data.data(), expected.size()) != 0) return false;
    offset += expected.size();
    data = data.subspan(expected.size());
  }
  return true;
}

TransferResult transfer(const Fd& socket, const TransferPlan& plan, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + patiently(limit);
  const Pattern outgoing(plan.send_seed);
  const Pattern incoming(plan.receive_seed);
  std::vector<char> buffer(262'144);
  TransferResult result;
  bool sending = plan.send_bytes > 0;
  if (!sending && plan.shut_down) shutdown(socket.get(), SHUT_WR);
  bool receiving = true;
  while (receiving || sending) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
      result.ending = Ending::timed_out;
      break;
    }
    pollfd waiting{socket.get(), static_cast<short>((receiving ? POLLIN : 0) | (sending ? POLLOUT : 0)), 0};
    if (poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;
    if (sending && (waiting.revents & (POLLOUT | POLLERR)) != 0) {
      const auto piece = outgoing.at(result.sent, plan.send_bytes - result.sent);
      const ssize_t count = send(socket.get(), piece.data(), piece.size(), MSG_NOSIGNAL);
      if (count > 0) result.sent += static_cast<std::uint64_t>(count);
      if (count < 0 && errno != EAGAIN && errno != EINTR) {
        sending = false;
        // Told only once, to whoever comes first; the receiving side would now see a plain end.
        if (errno == ECONNRESET) {
          result.ending = Ending::reset;
          receiving = false;
        }
      }
      if (result.sent == plan.send_bytes) {
        sending = false;
        if (plan.shut_down) shutdown(socket.get(), SHUT_WR);
      }
    }
    if (receiving && (waiting.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      const ssize_t count = recv(socket.get(), buffer.data(), buffer.size(), 0);
      if (count > 0) {
        const auto length = static_cast<std::size_t>(count);
        if (!incoming.matches(result.received, std::span(buffer).first(length))) result.intact = false;
        result.received += length;
      } else if (count == 0) {
        result.ending = Ending::closed;
        receiving = false;
      } else if (errno != EAGAIN && errno != EINTR) {
        result.ending = errno == ECONNRESET ? Ending::reset : Ending::failed;
        receiving = sending = false;
      }
    }
  }
  return result;
}

}  // namespace gatehouse::test
