#include "admin/http_server.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <system_error>
#include <unordered_set>
#include <vector>

#include "admin/http_connection.h"
#include "admin/listening_socket.h"
#include "admin/routes.h"

namespace gatehouse::admin {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Protocol = asio::local::stream_protocol;

constexpr std::chrono::milliseconds accept_pause{100};

std::optional<Peer> peer_of(int descriptor) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return std::nullopt;
  return Peer{credentials.uid, credentials.gid, credentials.pid};
}

}  // namespace

class HttpServer::Impl final : public HttpService, public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, ListeningSocket socket, const HttpLimits& limits, Operations& operations,
       std::shared_ptr<EventHub> events)
      : context_(context),
        file_(std::move(socket)),
        acceptor_(context),
        pause_(context),
        limits_(limits),
        operations_(&operations),
        events_(std::move(events)) {}

  Result<void> start();
  void stop();

  [[nodiscard]] bool is_stopped() const override { return operations_ == nullptr; }
  [[nodiscard]] const HttpLimits& limits() const override { return limits_; }
  // Whoever may open the socket may do everything; a token here would mean nothing.
  std::expected<Peer, Answer> admit(const Peer& client, const RequestHead&) override { return client; }
  [[nodiscard]] bool still_admits(const Peer&) const override { return true; }
  void answer(OwnedRequest request, Reply reply) override {
    auto result = admin::answer(request.view(), *operations_);
    request = {};  // before a large answer is made, the large request goes
    reply(std::move(result));
  }
  const std::shared_ptr<EventHub>& events() override { return events_; }

 private:
  void wait();
  void accept();

  asio::io_context& context_;
  std::optional<ListeningSocket> file_;
  asio::posix::stream_descriptor acceptor_;  // a duplicate of file_'s descriptor
  asio::steady_timer pause_;
  HttpLimits limits_;
  Operations* operations_;  // null once stopped
  std::shared_ptr<EventHub> events_;
  std::unordered_set<HttpConnectionBase*> connections_;
};

Result<void> HttpServer::Impl::start() {
  const int duplicate = ::fcntl(file_->descriptor().get(), F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return system_failure("cannot duplicate the API's socket", errno);
  acceptor_.assign(duplicate);
  wait();
  return {};
}

void HttpServer::Impl::stop() {
  operations_ = nullptr;
  error_code ignored;
  pause_.cancel();
  acceptor_.close(ignored);
  file_.reset();
  for (auto* connection : std::vector(connections_.begin(), connections_.end())) connection->close();
}

void HttpServer::Impl::wait() {
  acceptor_.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](error_code error) {
    if (!error && self->operations_ != nullptr) self->accept();
  });
}

void HttpServer::Impl::accept() {
  // accept4, for a client's socket must not survive the daemon's execution of a new binary.
  Fd client(::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return wait();
    spdlog::error("the API cannot accept a connection: {}", std::generic_category().message(errno));
    pause_.expires_after(accept_pause);  // out of descriptors or memory: not a busy loop
    pause_.async_wait([self = shared_from_this()](error_code error) {
      if (!error && self->operations_ != nullptr) self->wait();
    });
    return;
  }
  const auto peer = peer_of(client.get());
  if (peer && connections_.size() < limits_.connections) {
    Protocol::socket socket(context_, Protocol(), client.release());
    auto self = shared_from_this();
    // The connection's end is told with its address, which only it can know.
    auto place = std::make_shared<HttpConnectionBase*>(nullptr);
    auto connection = std::make_shared<HttpConnection<UnixStream>>(self, std::move(socket), *peer,
                                                                   [self, place] { self->connections_.erase(*place); });
    *place = connection.get();
    connections_.insert(connection.get());
    connection->start();
  } else if (peer) {
    static const std::string busy = [] {
      const auto body =
          error_body({"the API has as many connections as it takes", "try again in a moment"}).dump() + "\n";
      return "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: "
             "application/json\r\nContent-Length: " +
             std::to_string(body.size()) + "\r\n\r\n" + body;
    }();
    // A new socket's buffer takes it; where it does not, the client sees a closed connection.
    if (::send(client.get(), busy.data(), busy.size(), MSG_NOSIGNAL) < 0)
      spdlog::debug("a client was turned away unheard");
  }
  wait();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(asio::io_context& context, const HttpServerOptions& options,
                                                      Operations& operations) {
  auto socket = ListeningSocket::open(options.socket, options.group);
  if (!socket) return std::unexpected(socket.error());
  auto impl = std::make_shared<Impl>(context, std::move(*socket), options.limits, operations, options.events);
  if (auto started = impl->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  impl_->stop();
}

}  // namespace gatehouse::admin
