#include "rdp/worker/daemon_link.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <variant>

namespace gatehouse::rdp {
namespace {

constexpr std::chrono::seconds longest_question{60};

std::uint64_t& number_of(Message& query) {
  if (auto* account = std::get_if<AccountQuery>(&query)) return account->number;
  if (auto* logon = std::get_if<LogonQuery>(&query)) return logon->number;
  if (auto* activation = std::get_if<ActivationQuery>(&query)) return activation->number;
  if (auto* fallback = std::get_if<FallbackQuery>(&query)) return fallback->number;
  return std::get<CertificateQuery>(query).number;
}

}  // namespace

DaemonLink::~DaemonLink() {
  stop();
}

void DaemonLink::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (!reader_.joinable()) return;
  ::eventfd_write(wake_.get(), 1);
  reader_.join();
}

Result<DaemonLink::Order> DaemonLink::wait_for_start() {
  pollfd wait{channel_.get(), POLLIN, 0};
  while (::poll(&wait, 1, -1) < 0 && errno == EINTR) {
  }
  auto packet = receive_packet(channel_);
  if (!packet) return std::unexpected(packet.error());
  if (!*packet) return failure("there is no word of the daemon");
  auto message = decode((*packet)->text);
  explicit_bzero((*packet)->text.data(), (*packet)->text.size());
  if (!message) return std::unexpected(message.error());
  auto* start = std::get_if<Start>(&*message);
  auto& descriptors = (*packet)->descriptors;
  if (start == nullptr || descriptors.empty() || descriptors.size() > 2) {
    return failure("the daemon's first word is no start of a session");
  }
  Order order{std::move(*start), std::move(descriptors[0]), {}};
  if (descriptors.size() == 2) order.directory = std::move(descriptors[1]);
  return order;
}

void DaemonLink::run(Listener listener) {
  listener_ = std::move(listener);
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  reader_ = std::thread([this] { read(); });
}

// A worker without its daemon has nobody who would end it.
void DaemonLink::die_with_the_daemon() const {
  ::_exit(3);
}

void DaemonLink::read() {
  while (true) {
    int timeout = -1;
    bool silent = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (deadline_) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - std::chrono::steady_clock::now());
        silent = left.count() <= 0;
        timeout = static_cast<int>(left.count());
        if (silent) deadline_.reset();
      }
    }
    if (silent) {
      listener_.on_silence();
      continue;
    }
    std::array<pollfd, 2> wait{{{channel_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    if (::poll(wait.data(), wait.size(), timeout) < 0 && errno != EINTR) die_with_the_daemon();
    if (wait[1].revents != 0) {
      eventfd_t ignored = 0;
      ::eventfd_read(wake_.get(), &ignored);
    }
    if (wait[0].revents == 0) continue;
    auto packet = receive_packet(channel_);
    if (!packet) die_with_the_daemon();
    if (*packet && !take(std::move(**packet))) die_with_the_daemon();
  }
}

bool DaemonLink::take(Packet packet) {
  auto message = decode(packet.text);
  explicit_bzero(packet.text.data(), packet.text.size());
  if (!message) return false;
  if (auto* reply = std::get_if<Reply>(&*message)) {
    const std::lock_guard lock(mutex_);
    const auto found = questions_.find(reply->number);
    if (found == questions_.end()) return true;  // nobody waits for it any more
    found->second.emplace(Answer{std::move(*reply), {}});
    if (!packet.descriptors.empty()) found->second->descriptor = std::move(packet.descriptors.front());
    answered_.notify_all();
    return true;
  }
  if (const auto* end = std::get_if<End>(&*message)) {
    listener_.on_end(*end);
    return true;
  }
  if (const auto* warn = std::get_if<Warn>(&*message)) {
    listener_.on_warn(*warn);
    return true;
  }
  if (const auto* ping = std::get_if<Ping>(&*message)) {
    if (listener_.works()) tell(*ping);
    return true;
  }
  return false;
}

std::optional<Answer> DaemonLink::ask(Message query) {
  std::unique_lock lock(mutex_);
  const auto number = next_number_++;
  number_of(query) = number;
  const auto at = questions_.emplace(number, std::nullopt).first;
  lock.unlock();
  const bool sent = send_packet(channel_, encode(query)).has_value();
  lock.lock();
  if (sent) answered_.wait_for(lock, longest_question, [&] { return at->second.has_value(); });
  auto answer = std::move(at->second);
  questions_.erase(at);
  return answer;
}

void DaemonLink::tell(const Message& notice) {
  // Where it does not go through the daemon is gone, and the reader sees it.
  static_cast<void>(send_packet(channel_, encode(notice)));
}

void DaemonLink::expect(std::optional<std::chrono::milliseconds> time) {
  {
    const std::lock_guard lock(mutex_);
    deadline_ = time ? std::optional(std::chrono::steady_clock::now() + *time) : std::nullopt;
  }
  ::eventfd_write(wake_.get(), 1);
}

}  // namespace gatehouse::rdp
