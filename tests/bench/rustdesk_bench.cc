// How long the gateway's judgement of RustDesk takes at 1,000,000 devices, all confirmed with uuid and key: half of
// them alone at an address, a quarter behind NATs of 16, a quarter behind NATs of 1,024; and 1,000,000 banned ids, of
// which one in a hundred is one of these devices. Questions are many and in random order, each put when the one before
// it is answered, so that most of what an answer reads is in no near cache. Every answer is checked once, before it is
// measured.
//
//   rustdesk_bench [--quick]
#include <malloc.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/measuring.h"
#include "policy/bans.h"
#include "rustdesk/inspector.h"
#include "rustdesk/wire.h"

namespace gatehouse::bench {
namespace {

using rustdesk::Judgement;

// By malloc, mapped blocks included.
std::size_t allocated() {
  const auto information = mallinfo2();
  return information.uordblks + information.hblkhd;
}

// Of this thread: nothing here waits, and what else runs on the machine does not count.
double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

constexpr std::size_t batch = 256;
constexpr double aim_of_punch_ns = 2000;      // the issue's
constexpr double aim_of_heartbeat_ns = 7500;  // half of a core at 67,000 a second

std::string id_of(std::size_t device) {
  return std::to_string(100'000'000 + device * 7);
}
bool is_banned(std::size_t device) {
  return device % 100 == 99;
}
// 10.0.0.0/8 for those who are alone, 11.0.0.0/8 and 12.0.0.0/8 for small and large NATs.
Endpoint endpoint_of(std::size_t device) {
  const auto port = static_cast<std::uint16_t>(1024 + device % 60'000);
  const auto number = static_cast<std::uint32_t>(device / 4);
  switch (device % 4) {
    case 2:
      return {Address::from_v4(0x0B000000U + number / 16), port};
    case 3:
      return {Address::from_v4(0x0C000000U + number / 1024), port};
    default:
      return {Address::from_v4(0x0A000000U + static_cast<std::uint32_t>(device)), port};
  }
}

class Fleet {
 public:
  explicit Fleet(std::size_t devices) : devices_(devices) {
    const auto before = allocated();
    for (std::size_t device = 0; device < devices; ++device) add(device);
    bytes_ = static_cast<double>(allocated() - before);
    std::vector<policy::NameBan> bans;
    bans.reserve(devices);
    for (std::size_t i = 0; i < devices; ++i) {
      // Of the others' ids there is no device.
      auto id = is_banned(i) ? id_of(i) : std::to_string(2'000'000'000 + i);
      bans.push_back({i + 1, policy::Subject::device, std::move(id), std::nullopt});
    }
    bans_ = policy::BanTable().with_names(policy::NameBans(bans));
    inspector.set_bans(bans_);
    for (std::size_t device = 0; device < devices; ++device) beat(device);
  }

  void beat(std::size_t device) {
    const auto endpoint = endpoint_of(device);
    inspector.observe_heartbeat(endpoint, id_of(device), is_banned(device), now);
    if (!is_banned(device)) inspector.observe_peer_response(endpoint, false, now);
  }
  [[nodiscard]] std::size_t size() const { return devices_; }
  [[nodiscard]] double bytes() const { return bytes_; }
  [[nodiscard]] std::shared_ptr<const policy::BanTable> one_more_ban(std::size_t device) const {
    const std::vector<policy::NameBan> added{{5'000'000, policy::Subject::device, id_of(device), std::nullopt}};
    return bans_->with_names(bans_->names().with(added, {}));
  }
  [[nodiscard]] const std::shared_ptr<const policy::BanTable>& bans() const { return bans_; }

  rustdesk::Inspector inspector;
  WallTime now{std::chrono::hours(500'000)};

 private:
  void add(std::size_t device) {
    const auto endpoint = endpoint_of(device);
    const auto id = id_of(device);
    const auto uuid = "4c4c4544-0042-4810-8057-" + std::to_string(100'000'000'000 + device);
    const auto key = std::to_string(device) + std::string(24, 'k');
    auto& table = inspector.devices();
    table.registration(endpoint, id, rustdesk::as_bytes(uuid), rustdesk::as_bytes(key), true, now);
    table.registration_accepted(endpoint, now);
  }

  std::size_t devices_;
  double bytes_ = 0;
  std::shared_ptr<const policy::BanTable> bans_;
};

// Of each batch the nanoseconds for one.
template <typename Ask>
double median_ns(std::size_t batches, Ask&& ask) {
  std::vector<double> times;
  std::size_t at = 0;
  for (std::size_t i = 0; i < batches; ++i) {
    const auto begin = cpu_ns();
    for (std::size_t j = 0; j < batch; ++j) ask(at++);
    times.push_back((cpu_ns() - begin) / batch);
  }
  return median(times);
}

struct Question {
  rustdesk::Context context;
  rustdesk::Buffer wire;
  bool allowed = false;
};

// A third each of those who are alone, behind a small and behind a large NAT; of initiators and targets one in a
// hundred is banned.
std::vector<Question> questions_for(const Fleet& fleet, std::size_t count, std::mt19937_64& random) {
  const auto any = [&] { return std::uniform_int_distribution<std::size_t>(0, fleet.size() - 1)(random); };
  std::vector<Question> questions;
  for (std::size_t i = 0; i < count; ++i) {
    auto initiator = any() / 4 * 4 + (i % 3 == 0 ? i % 2 : i % 3 + 1);
    if (initiator >= fleet.size()) initiator -= 4;
    const auto target = any();
    const auto id = id_of(target);
    rustdesk::PunchHoleRequest request;
    request.id = id;
    request.version = "1.4.1";
    request.licence_key = "K3FYKMbZSyZVWvAPCPfGSe5I2g8MWJNJ2QHmzNQFQcI=";
    Question question;
    question.context.service = 1;
    question.context.client = endpoint_of(initiator);
    question.context.client.port = static_cast<std::uint16_t>(20'000 + i % 40'000);
    question.context.carrier = rustdesk::Carrier::tcp;
    question.context.connection = i + 1;
    question.context.now = fleet.now;
    question.wire = rustdesk::encode({.body = request, .unknown = {}});
    question.allowed = !is_banned(target) && (initiator % 4 > 1 || !is_banned(initiator));
    questions.push_back(std::move(question));
  }
  return questions;
}

Judgement judge(rustdesk::Inspector& inspector, const Question& question) {
  const auto message = rustdesk::parse(question.wire);
  if (!message) throw std::runtime_error("a question cannot be read");
  return inspector.judge(question.context, *message);
}

void run(bool quick) {
  const std::size_t devices = quick ? 100'000 : 1'000'000;
  const std::size_t batches = quick ? 100 : 1'000;
  std::mt19937_64 random(20261128);
  progress(count_text(devices) + " devices register");
  Fleet fleet(devices);
  rustdesk::ServiceOptions options;
  options.initiator_ambiguous = rustdesk::InitiatorPolicy::allow;
  fleet.inspector.set_options(1, options);
  if (fleet.inspector.devices().size() != devices) throw std::runtime_error("not all devices are in the table");
  const auto name = [&](const std::string& text) {
    return "rustdesk, " + text + ", " + count_text(devices) + " devices";
  };
  print({.name = name("memory of the table, a device"),
         .unit = "B",
         .ours = fleet.bytes() / static_cast<double>(devices),
         .peer = "aim",
         .peer_value = 1024});

  progress("punches");
  const auto questions = questions_for(fleet, batches * batch, random);
  std::size_t allowed = 0;
  for (std::size_t i = 0; i < questions.size() / 4; ++i) {
    const auto action = judge(fleet.inspector, questions[i]).action;
    if ((action == Judgement::Action::pass) != questions[i].allowed) throw std::runtime_error("a wrong answer");
    allowed += questions[i].allowed ? 1U : 0U;
  }
  if (allowed < questions.size() / 4 * 9 / 10) throw std::runtime_error("too few are allowed");
  for (std::size_t kind = 0; kind < 3; ++kind) {
    const auto ns =
        median_ns(batches / 3, [&](std::size_t at) { return judge(fleet.inspector, questions[at * 3 + kind]).action; });
    const char* where[]{"initiator alone at its address", "initiator behind a NAT of 16",
                        "initiator behind a NAT of 1,024"};
    print({.name = name(std::string("PunchHoleRequest read and judged, ") + where[kind]),
           .unit = "ns",
           .ours = ns,
           .peer = "aim",
           .peer_value = aim_of_punch_ns});
  }

  progress("heartbeats");
  std::uniform_int_distribution<std::size_t> any(0, devices - 1);
  std::vector<std::size_t> order(batches * batch);
  for (auto& device : order) device = any(random);
  fleet.now += std::chrono::seconds(15);
  print({.name = name("heartbeat and its answer learned"),
         .unit = "ns",
         .ours = median_ns(batches, [&](std::size_t at) { fleet.beat(order[at]); }),
         .peer = "aim",
         .peer_value = aim_of_heartbeat_ns});

  progress("bans");
  std::vector<double> times;
  for (std::size_t i = 0; i < 20; ++i) {
    const auto more = fleet.one_more_ban(i * 100);
    const auto begin = cpu_ns();
    fleet.inspector.set_bans(more);
    times.push_back((cpu_ns() - begin) / 1000);
    fleet.inspector.set_bans(fleet.bans());
  }
  print({.name = name("one more ban among as many"),
         .unit = "us",
         .ours = median(times),
         .peer = "aim",
         .peer_value = 10'000});
}

}  // namespace
}  // namespace gatehouse::bench

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const bool quick = arguments.size() == 2 && std::string_view(arguments[1]) == "--quick";
  if (arguments.size() > 1 && !quick) {
    std::cerr << "usage: rustdesk_bench [--quick]\n";
    return 2;
  }
  try {
    gatehouse::bench::run(quick);
  } catch (const std::exception& exception) {
    std::cerr << "rustdesk_bench: " << exception.what() << '\n';
    return 1;
  }
  return 0;
}
