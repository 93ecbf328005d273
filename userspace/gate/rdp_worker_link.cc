#include "gate/rdp_worker_link.h"

#include <boost/asio/redirect_error.hpp>
#include <cstring>
#include <utility>

#include "rdp/control_channel.h"

namespace gatehouse::gate {

using relay::awaiting;

Result<void> RdpWorkerLink::send(const rdp::Message& message, const std::vector<int>& descriptors) {
  auto text = rdp::encode(message);
  auto sent = rdp::send_packet(worker_->channel(), text, descriptors);
  ::explicit_bzero(text.data(), text.size());  // there may be a password in it, or a key
  return sent;
}

Result<void> RdpWorkerLink::begin(const rdp::Start& start, const std::vector<int>& descriptors) {
  if (auto sent = send(start, descriptors); !sent) return sent;
  channel_.emplace(executor_, worker_->channel().get());
  return {};
}

Task<std::expected<rdp::Message, RdpWorkerLink::Fault>> RdpWorkerLink::next() {
  for (;;) {
    boost::system::error_code error;
    co_await channel_->async_wait(boost::asio::posix::descriptor_base::wait_read,
                                  boost::asio::redirect_error(awaiting, error));
    if (error) co_return std::unexpected(Fault{"event loop: " + error.message(), false});
    auto packet = rdp::receive_packet(worker_->channel());
    if (!packet) co_return std::unexpected(Fault{"the session's worker died"});
    if (!*packet) continue;
    auto message = rdp::decode((*packet)->text);
    if (message) co_return std::move(*message);
    worker_->kill();
    co_return std::unexpected(Fault{message.error().text()});
  }
}

Result<void> RdpWorkerLink::tell(const rdp::Message& message, const std::vector<int>& descriptors) {
  if (!worker_) return {};
  auto sent = send(message, descriptors);
  if (!sent) worker_->kill();
  return sent;
}

bool RdpWorkerLink::is_stuck(relay::SteadyTime now) {
  const auto step = heartbeat_.look(now);
  // Where it does not go through the worker is gone, which is heard on its own way.
  if (step == rdp::Heartbeat::Step::ask) static_cast<void>(send(rdp::Ping{}, {}));
  return step == rdp::Heartbeat::Step::stuck;
}

void RdpWorkerLink::kill() {
  if (worker_) worker_->kill();
}

void RdpWorkerLink::retire() {
  if (channel_) channel_->release();  // the worker's object has it
  channel_.reset();
  if (worker_) pool_.retire(std::move(*worker_));
  worker_.reset();
}

}  // namespace gatehouse::gate
