// Sockets for tests: plain calls that wait, each with a limit (patiently(), so that no test hangs), and outcomes as
// values, for a refused or reset connection is as often what a test wants as a working one. Descriptors are
// non-blocking; use them with these functions. Threads: none of its own; a descriptor may be used from any thread, one
// at a time in each direction.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/fd.h"
#include "support/namespace.h"
#include "support/printing.h"

namespace gatehouse::test {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

struct Connected {
  Fd fd{};
  int error = 0;  // ECONNREFUSED, EHOSTUNREACH, ...; ETIMEDOUT also when the limit was over

  explicit operator bool() const { return error == 0; }
  [[nodiscard]] std::string text() const;  // "connected", "Connection refused"
};

// `from`: the source address and port (0: any free one); unset: as the kernel likes.
Connected connect_tcp(const Namespace& where, const Endpoint& to, std::chrono::milliseconds limit = 5s,
                      const std::optional<Endpoint>& from = std::nullopt);
// An unset address ("::") listens for both families. std::runtime_error if it cannot.
Fd listen_tcp(const Namespace& where, const Endpoint& at, int backlog = 4096);
// Invalid when nobody came within the limit.
Fd accept_tcp(const Fd& listener, std::chrono::milliseconds limit = 5s);

Endpoint local_endpoint(const Fd& socket);
Endpoint peer_endpoint(const Fd& socket);

// 0, or the error number; ETIMEDOUT when the limit was over before all of it was taken.
int send_all(const Fd& socket, std::string_view data, std::chrono::milliseconds limit = 5s);

enum class Ending {
  open,       // there may be more (read_exact: it has what it wanted)
  closed,     // end of stream
  reset,      // ECONNRESET
  failed,     // another error
  timed_out,  // the limit was over
};
const char* text_of(Ending ending);

struct Received {
  std::string data{};
  Ending ending = Ending::open;
  int error = 0;  // with `failed`
};
Received read_exact(const Fd& socket, std::size_t bytes, std::chrono::milliseconds limit = 5s);
Received read_to_end(const Fd& socket, std::chrono::milliseconds limit = 5s);

void shut_down_writing(const Fd& socket);
void close_with_reset(Fd socket);

Fd connect_udp(const Namespace& where, const Endpoint& to, const std::optional<Endpoint>& from = std::nullopt);
// Sends one datagram and waits for the answer. An ICMP error is error = ECONNREFUSED, EHOSTUNREACH, ...; none at all
// Ending::timed_out.
Received ask_udp(const Fd& socket, std::string_view question, std::chrono::milliseconds limit = 1s);

}  // namespace gatehouse::test
