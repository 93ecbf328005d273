// Heartbeats of many RustDesk devices: one program for both ends.
//
//   heartbeats serve ADDRESS PORT               answers as hbbs does that has all of them: RegisterPeer by
//                                               RegisterPeerResponse{request_pk=false}, RegisterPk by OK; until it is
//                                               terminated. Prints "ready" first
//   heartbeats load ADDRESS PORT FROM DEVICES   IPv4. FROM is ADDRESS:PORT: sixteen devices at each address from that
//   one
//                                               on, each with a port of its own from that one on. All register with
//                                               uuid and key; then it prints "ready". Each line "SECONDS UNANSWERED" of
//                                               standard input is a round: heartbeats of one device after the other, in
//                                               no order, at most so many unanswered. Prints {seconds, answered, asked,
//                                               lost, p50_us, p99_us}. Ends with its input
//
// The addresses must be local ones (`ip route add local NETWORK dev lo`). An answer that asks for the key
// (request_pk) counts among those that came and once more as asked; one that takes half a second is lost. The messages
// are those of RustDesk's rendezvous.proto, spelled as stock clients and hbbs do. Exit 1 with a message when something
// does not work.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/fd.h"
#include "bench/datagrams.h"

namespace {

using gatehouse::Address;
using gatehouse::Endpoint;
using gatehouse::Fd;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::uint8_t>;
using gatehouse::bench::Datagrams;
using gatehouse::bench::fail;

constexpr std::size_t batch = Datagrams::batch;
constexpr std::size_t ports = 16;  // of each address: a device at every one
constexpr int buffer = 4 << 20;
constexpr auto patience = 500ms;
constexpr int registrations_at_once = 256;

// Tags of RendezvousMessage: the number of the field and wire type 2, a length.
constexpr std::uint8_t register_peer = 6U << 3U | 2U;
constexpr std::uint8_t register_peer_response = 7U << 3U | 2U;
constexpr std::uint8_t register_pk = 15U << 3U | 2U;
constexpr std::array<std::uint8_t, 2> register_pk_response{(16U << 3U | 2U) & 0xffU, 1};  // a varint of two bytes

// ---- messages

std::string id_of(std::size_t device) {
  return std::to_string(100'000'000 + device);
}

void add_member(Bytes& message, std::uint8_t number, std::string_view bytes) {
  message.push_back(static_cast<std::uint8_t>(number << 3U | 2U));
  message.push_back(static_cast<std::uint8_t>(bytes.size()));
  message.insert(message.end(), bytes.begin(), bytes.end());
}

Bytes message_of(std::uint8_t tag, const Bytes& body) {
  Bytes message{tag, static_cast<std::uint8_t>(body.size())};
  message.insert(message.end(), body.begin(), body.end());
  return message;
}

// RegisterPeer{id = 1}
Bytes heartbeat_of(std::size_t device) {
  Bytes body;
  add_member(body, 1, id_of(device));
  return message_of(register_peer, body);
}

// RegisterPk{id = 1, uuid = 2, pk = 3}
Bytes registration_of(std::size_t device) {
  Bytes body;
  add_member(body, 1, id_of(device));
  add_member(body, 2, "4c4c4544-0042-4810-8057-" + std::to_string(100'000'000'000 + device));
  auto key = std::to_string(device);
  key.resize(32, 'k');
  add_member(body, 3, key);
  return message_of(register_pk, body);
}

// Default values are not written: request_pk = false and result = OK are empty members.
Bytes answer_to(std::span<const std::uint8_t> message) {
  if (message.empty()) return {};
  if (message.front() == register_peer) return {register_peer_response, 0};
  if (message.front() == register_pk) return {register_pk_response[0], register_pk_response[1], 0};
  return {};
}

bool is_answer(std::span<const std::uint8_t> message) {
  return !message.empty() && (message.front() == register_peer_response || message.front() == register_pk_response[0]);
}

bool asks_for_key(std::span<const std::uint8_t> message) {
  return message.size() > 2 && message.front() == register_peer_response;
}

// ---- datagrams

Fd udp_socket(const Endpoint& bound) {
  sockaddr_storage storage{};
  const socklen_t length = bound.to_sockaddr(storage);
  Fd socket(::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) fail("a socket for datagrams");
  for (const int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
    if (::setsockopt(socket.get(), SOL_SOCKET, option, &buffer, sizeof buffer) != 0) fail("a larger buffer");
  }
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) fail("binding " + bound.text());
  return socket;
}

[[noreturn]] void serve(const Endpoint& endpoint) {
  const auto socket = udp_socket(endpoint);
  std::cout << "ready" << std::endl;
  Datagrams in;
  Datagrams out;
  while (true) {
    const auto count = in.receive(socket.get(), MSG_WAITFORONE);
    for (std::size_t i = 0; i < count; ++i) {
      if (const auto answer = answer_to(in.bytes(i)); !answer.empty()) out.add(0, in.other(i), answer);
    }
    out.send(socket.get());
  }
}

// ---- the devices

struct Round {
  double seconds = 0;
  std::uint64_t answered = 0;
  std::uint64_t asked = 0;
  std::uint64_t lost = 0;
  std::vector<float> microseconds;  // of each answer

  [[nodiscard]] double percentile(double part) {
    if (microseconds.empty()) return 0;
    const auto at = static_cast<std::ptrdiff_t>(part * static_cast<double>(microseconds.size() - 1));
    std::ranges::nth_element(microseconds, microseconds.begin() + at);
    return microseconds[static_cast<std::size_t>(at)];
  }
};

class Fleet {
 public:
  Fleet(const Endpoint& server, const Endpoint& from, std::size_t devices)
      : from_(from.address.v4()), places_(devices / ports), sent_(places_ * ports) {
    if (places_ == 0) throw std::runtime_error("sixteen devices at least");
    server.to_sockaddr(server_);
    const int on = 1;
    for (std::size_t i = 0; i < ports; ++i) {
      sockets_.push_back(udp_socket({Address::from_v4(INADDR_ANY), static_cast<std::uint16_t>(from.port + i)}));
      if (::setsockopt(sockets_.back().get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0) fail("IP_PKTINFO");
      polled_.push_back({.fd = sockets_.back().get(), .events = POLLIN, .revents = 0});
    }
    // Places are visited in steps of this size, so that all have their turn in what looks like no order.
    step_ = places_ * 618 / 1000 + 1;
    while (std::gcd(step_, places_) != 1) ++step_;
  }

  // All of them; those without an answer once more.
  void register_all() {
    std::vector<bool> done(sent_.size());
    for (int attempt = 0; attempt < 10; ++attempt) {
      std::vector<std::vector<std::size_t>> of_port(ports);
      std::size_t left = 0;
      for (std::size_t device = 0; device < done.size(); ++device) {
        if (!done[device]) {
          of_port[device % ports].push_back(device);
          ++left;
        }
      }
      if (left == 0) return;
      std::vector<std::size_t> at(ports);
      Round round;
      const auto next = [&](std::size_t port) {
        return at[port] < of_port[port].size() ? of_port[port][at[port]++] : sent_.size();
      };
      const auto answered = [&](std::size_t device) { done[device] = true; };
      run(round, registrations_at_once, next, registration_of, answered, [] { return false; });
    }
    throw std::runtime_error("registrations are not answered");
  }

  Round beat(std::chrono::duration<double> seconds, int unanswered) {
    Round round;
    const auto begin = Clock::now();
    const auto next = [&](std::size_t port) {
      cursors_[port] = (cursors_[port] + step_) % places_;
      return cursors_[port] * ports + port;
    };
    run(round, unanswered, next, heartbeat_of, [](std::size_t) {}, [&] { return Clock::now() - begin >= seconds; });
    round.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    return round;
  }

 private:
  struct Sending {
    std::size_t device;
    Clock::time_point at;
  };

  // Until `over`, or until nobody is next; then the answers that are still to come.
  template <typename Next, typename Answered, typename Over>
  void run(Round& round, int unanswered, Next next, Bytes (*message)(std::size_t), Answered answered, Over over) {
    bool more = true;
    std::size_t without = 0;  // ports in a row that had nobody
    while (more || outstanding_ > 0) {
      while (more && outstanding_ < unanswered) {
        const auto port = port_++ % ports;
        without = send_some(port, unanswered, next, message) ? 0 : without + 1;
        if (without == ports) more = false;
      }
      receive(round, answered);
      give_up(round);
      if (more && over()) more = false;
    }
    sendings_.clear();
  }

  template <typename Next>
  bool send_some(std::size_t port, int unanswered, Next& next, Bytes (*message)(std::size_t)) {
    const auto room = std::min<std::size_t>(batch, static_cast<std::size_t>(unanswered - outstanding_));
    const auto time = Clock::now();
    std::size_t count = 0;
    while (count < room) {
      const auto device = next(port);
      if (device >= sent_.size()) break;
      if (sent_[device] != Clock::time_point()) continue;  // the one before is still under way
      sent_[device] = time;
      sendings_.push_back({device, time});
      out_.add(static_cast<std::uint32_t>(from_ + device / ports), server_, message(device));
      ++count;
    }
    outstanding_ += static_cast<int>(count);
    out_.send(sockets_[port].get());
    return count > 0;
  }

  template <typename Answered>
  void receive(Round& round, Answered& answered) {
    if (::poll(polled_.data(), polled_.size(), 100) <= 0) return;
    for (std::size_t port = 0; port < ports; ++port) {
      if (polled_[port].revents == 0) continue;
      const auto count = in_.receive(sockets_[port].get(), MSG_DONTWAIT);
      const auto time = Clock::now();
      for (std::size_t i = 0; i < count; ++i) {
        const auto device = (std::size_t{in_.own(i)} - from_) * ports + port;
        if (!is_answer(in_.bytes(i)) || device >= sent_.size() || sent_[device] == Clock::time_point()) continue;
        round.microseconds.push_back(std::chrono::duration<float, std::micro>(time - sent_[device]).count());
        sent_[device] = {};
        --outstanding_;
        ++round.answered;
        if (asks_for_key(in_.bytes(i))) ++round.asked;
        answered(device);
      }
    }
  }

  void give_up(Round& round) {
    const auto time = Clock::now();
    while (!sendings_.empty()) {
      const auto& [device, at] = sendings_.front();
      if (sent_[device] == at) {
        if (time - at < patience) return;
        sent_[device] = {};
        --outstanding_;
        ++round.lost;
      }
      sendings_.pop_front();
    }
  }

  std::size_t from_;
  std::size_t places_;
  std::size_t step_ = 1;
  sockaddr_storage server_{};
  std::vector<Clock::time_point> sent_;  // of each device; none: nothing is unanswered
  std::deque<Sending> sendings_;         // the oldest first, with those that have been answered
  std::vector<Fd> sockets_;
  std::vector<pollfd> polled_;
  std::array<std::size_t, ports> cursors_{};
  std::size_t port_ = 0;
  int outstanding_ = 0;
  Datagrams in_;
  Datagrams out_;
};

void load(Fleet& fleet) {
  fleet.register_all();
  std::cout << "ready" << std::endl;
  double seconds = 0;
  int unanswered = 0;
  while (std::cin >> seconds >> unanswered) {
    if (seconds <= 0 || unanswered <= 0) throw std::runtime_error("a round needs SECONDS and UNANSWERED above 0");
    auto round = fleet.beat(std::chrono::duration<double>(seconds), unanswered);
    const nlohmann::ordered_json line{
        {"seconds", round.seconds}, {"answered", round.answered},      {"asked", round.asked},
        {"lost", round.lost},       {"p50_us", round.percentile(0.5)}, {"p99_us", round.percentile(0.99)}};
    std::cout << line.dump() << std::endl;
  }
}

int run(std::span<char*> arguments) {
  const std::string_view mode = arguments.size() > 1 ? arguments[1] : "";
  if (!(mode == "serve" && arguments.size() == 4) && !(mode == "load" && arguments.size() == 6)) {
    std::cerr << "usage: heartbeats serve ADDRESS PORT | load ADDRESS PORT FROM DEVICES\n";
    return 2;
  }
  const auto address = Address::parse(arguments[2]);
  if (!address) throw std::runtime_error(address.error().text());
  const auto port = gatehouse::parse_port(arguments[3]);
  if (!port) throw std::runtime_error(port.error().text());
  if (mode == "serve") serve({*address, *port});
  const auto from = Endpoint::parse(arguments[4]);
  if (!from) throw std::runtime_error(from.error().text());
  if (!address->is_v4() || !from->address.is_v4()) throw std::runtime_error("the load is of IPv4");
  Fleet fleet({*address, *port}, *from, std::stoul(arguments[5]));
  load(fleet);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv, static_cast<std::size_t>(argc)});
  } catch (const std::exception& exception) {
    std::cerr << "heartbeats: " << exception.what() << '\n';
    return 1;
  }
}
