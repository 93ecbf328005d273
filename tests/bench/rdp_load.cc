// RDP sessions without a display, for the measures of tests/bench/rdp.sh.
//
//   rdp_load connect ADDRESS PORT COUNT [--bitmaps]      one after the other, each until its first frame; for each a
//   line
//                                                        "ACTIVE FRAME", milliseconds since the connection was begun
//   rdp_load picture ADDRESS PORT COUNT RRGGBB           one after the other, each until the desktop is in that colour
//   at
//                                                        (20, 20); for each a line of milliseconds
//   rdp_load click ADDRESS PORT COUNT X Y                one session; for each click the milliseconds until the pixel
//   beside it
//                                                        is another one
//   rdp_load hold ADDRESS PORT COUNT [--bitmaps]         all at once: "open N MILLISECONDS" when the last one has its
//   first
//                                                        frame; with SIGUSR1 a line "TIME ALIVE FRAMES BYTES"; until
//                                                        terminated
//
// `connect`, `picture` and `click` begin with one that does not count (the library looks for its codecs once), and rest
// a little between, as people do. Exit 1 with a message when a session fails.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/rdp_client.h"

namespace {

using namespace std::chrono_literals;
using gatehouse::bench::Graphics;
using gatehouse::bench::RdpClient;
using gatehouse::bench::RdpTarget;

constexpr auto patience = 20s;
constexpr auto rest = 300ms;

unsigned number(std::string_view text, int base = 10) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::runtime_error("'" + std::string(text) + "' is no number");
  return value;
}

[[noreturn]] void fail(const RdpClient& client, const std::string& what) {
  throw std::runtime_error(what + " through " + client.target().address + ": " + client.error());
}

void connect(const RdpTarget& target, unsigned count) {
  for (unsigned i = 0; i <= count; ++i) {
    {
      RdpClient client(target);
      const auto active = client.active(patience);
      if (!active) fail(client, "no session");
      const auto frame = client.first_frame(patience);
      if (!frame) fail(client, "no frame");
      if (i != 0) std::printf("%.2f %.2f\n", *active, *frame);
    }
    std::this_thread::sleep_for(rest);
  }
}

void picture(const RdpTarget& target, unsigned count, std::uint32_t colour) {
  for (unsigned i = 0; i <= count; ++i) {
    {
      RdpClient client(target);
      const auto seen = client.pixel(20, 20, colour, patience);
      if (!seen) fail(client, "no picture");
      if (i != 0) std::printf("%.2f\n", *seen);
    }
    std::this_thread::sleep_for(rest);
  }
}

void click(const RdpTarget& target, unsigned count, unsigned x, unsigned y) {
  RdpClient client(target);
  if (!client.active(patience)) fail(client, "no session");
  std::this_thread::sleep_for(1s);
  for (unsigned i = 0; i <= count; ++i) {
    const auto seen = client.click(x, y, patience);
    if (!seen) fail(client, "no answer to a click");
    if (i != 0) std::printf("%.2f\n", *seen);
    // Not in step with the server's own beat.
    std::this_thread::sleep_for(40ms + std::chrono::milliseconds(i * 7 % 30));
  }
}

void say_counts(std::span<const std::unique_ptr<RdpClient>> clients) {
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  for (const auto& client : clients) {
    const auto counts = client->counts();
    frames += counts.frames;
    bytes += counts.bytes;
  }
  const auto alive = std::ranges::count_if(clients, [](const auto& client) { return client->is_alive(); });
  const auto time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::printf("%.6f %ld %lu %lu\n", time, static_cast<long>(alive), static_cast<unsigned long>(frames),
              static_cast<unsigned long>(bytes));
}

void hold(const RdpTarget& target, unsigned count) {
  // Before the first thread, so that all of them leave the signals to this one.
  sigset_t signals{};
  ::sigemptyset(&signals);
  for (const int each : {SIGUSR1, SIGTERM, SIGINT}) ::sigaddset(&signals, each);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<RdpClient>> clients;
  clients.reserve(count);
  for (unsigned i = 0; i < count; ++i) clients.push_back(std::make_unique<RdpClient>(target));
  for (const auto& client : clients) {
    if (!client->first_frame(60s)) fail(*client, "no session");
  }
  std::printf("open %u %.1f\n", count,
              std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
  for (int signal = 0; ::sigwait(&signals, &signal) == 0 && signal == SIGUSR1;) say_counts(clients);
}

int usage() {
  std::cerr << "rdp_load: connect|picture|click|hold ADDRESS PORT COUNT ... (see the source)\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::string_view> words(argv + 1, argv + argc);
  RdpTarget target;
  if (std::erase(words, "--bitmaps") != 0) target.graphics = Graphics::bitmaps;
  if (words.size() < 4) return usage();
  target.address = words[1];
  target.port = static_cast<std::uint16_t>(number(words[2]));
  const unsigned count = number(words[3]);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  ::signal(SIGPIPE, SIG_IGN);
  gatehouse::bench::set_up_library();
  if (words[0] == "connect" && words.size() == 4) {
    connect(target, count);
  } else if (words[0] == "hold" && words.size() == 4) {
    hold(target, count);
  } else if (words[0] == "picture" && words.size() == 5) {
    target.decode = true;
    picture(target, count, number(words[4], 16));
  } else if (words[0] == "click" && words.size() == 6) {
    target.decode = true;
    click(target, count, number(words[4]), number(words[5]));
  } else {
    return usage();
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "rdp_load: " << error.what() << "\n";
  return 1;
}
