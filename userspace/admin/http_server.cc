#include "admin/http_server.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <system_error>
#include <unordered_set>

#include "admin/listening_socket.h"
#include "admin/routes.h"

namespace gatehouse::admin {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Protocol = asio::local::stream_protocol;
using Response = http::response<http::string_body>;

constexpr std::chrono::seconds lingering_time{5};
constexpr std::chrono::milliseconds accept_pause{100};

Response response_of(const Answer& answer, bool keep_alive) {
  Response response(static_cast<http::status>(answer.status), 11);
  response.set(http::field::content_type, answer.content_type);
  if (!answer.allow.empty()) response.set(http::field::allow, answer.allow);
  response.keep_alive(keep_alive);
  // Not every byte of a text that came from outside is UTF-8; the answer still is.
  response.body() = answer.text.empty()
                        ? answer.body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                        : answer.text;
  response.prepare_payload();
  return response;
}

Answer refusal(int status, std::string what, std::string mend) {
  return {status, error_body({std::move(what), std::move(mend)}), {}};
}

Answer answer_to_unreadable(error_code error, std::uint64_t body_bytes) {
  if (error == http::error::body_limit) {
    return refusal(413, "the body has more than " + std::to_string(body_bytes) + " bytes",
                   "send it in several requests");
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refusal(431, "the request's header is too long", "shorten it to less than 8 KiB");
  }
  return refusal(400, "this is not HTTP/1.1: " + error.message(), "docs/api.md shows how to ask");
}

std::optional<Peer> peer_of(int descriptor) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return std::nullopt;
  return Peer{credentials.uid, credentials.gid, credentials.pid};
}

}  // namespace

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, ListeningSocket socket, const HttpLimits& limits, Operations& operations)
      : context_(context),
        file_(std::move(socket)),
        acceptor_(context),
        pause_(context),
        limits_(limits),
        operations_(&operations) {}

  ~Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> start();
  void stop();

 private:
  class Connection;
  void wait();
  void accept();

  asio::io_context& context_;
  std::optional<ListeningSocket> file_;
  asio::posix::stream_descriptor acceptor_;  // a duplicate of file_'s descriptor
  asio::steady_timer pause_;
  HttpLimits limits_;
  Operations* operations_;  // null once stopped
  std::unordered_set<Connection*> connections_;
};

// One client: requests one after the other, until it closes, errs or stays silent. Kept alive by its own pending
// operations.
class HttpServer::Impl::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Impl> server, Protocol::socket socket, const Peer& peer)
      : server_(std::move(server)), socket_(std::move(socket)), deadline_(server_->context_), peer_(peer) {
    server_->connections_.insert(this);
  }
  ~Connection() { server_->connections_.erase(this); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void read_request() {
    parser_.emplace();
    parser_->body_limit(server_->limits_.body_bytes);
    set_deadline(server_->limits_.request_time);
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](error_code error, std::size_t) { self->on_header(error); });
  }

  void close() {
    error_code ignored;
    deadline_.cancel();
    socket_.close(ignored);
  }

 private:
  // A request that does not arrive in time has its reading cancelled; what reads sees `expired_`.
  void set_deadline(std::chrono::milliseconds time) {
    expired_ = false;
    deadline_.expires_after(time);
    deadline_.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (error || !self || self->deadline_.expiry() > std::chrono::steady_clock::now()) return;
      self->expired_ = true;
      error_code ignored;
      self->socket_.cancel(ignored);
    });
  }

  void on_header(error_code error) {
    if (error) return on_unreadable(error);
    if (parser_->get()[http::field::expect] == "100-continue") return invite_body();
    read_body();
  }

  void invite_body() {
    static constexpr std::string_view invitation = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(invitation), [self = shared_from_this()](error_code error, std::size_t) {
      if (!error) self->read_body();
    });
  }

  void read_body() {
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->on_unreadable(error);
      self->on_request();
    });
  }

  void on_request() {
    if (server_->operations_ == nullptr) return;
    const auto& message = parser_->get();
    const Request request{{message.method_string().data(), message.method_string().size()},
                          {message.target().data(), message.target().size()},
                          message.body(),
                          peer_};
    const auto result = answer(request, *server_->operations_);
    const bool keep_alive = message.keep_alive();
    parser_.reset();  // before a large answer is made, the large request goes
    write(response_of(result, keep_alive), !keep_alive);
  }

  void on_unreadable(error_code error) {
    if (server_->operations_ == nullptr) return;
    if (expired_ && parser_->got_some()) {  // a silent connection is closed without a word
      return write(response_of(refusal(408, "the request did not arrive in time", "send it in one go"), false), true);
    }
    // Silent, gone, or gone in the middle of a request: nobody waits for an answer.
    if (error == asio::error::operation_aborted || error == http::error::end_of_stream ||
        error == http::error::partial_message || error.category() == boost::system::system_category()) {
      return;
    }
    write(response_of(answer_to_unreadable(error, server_->limits_.body_bytes), false), true);
  }

  void write(Response response, bool last) {
    response_ = std::move(response);
    set_deadline(server_->limits_.request_time);
    http::async_write(socket_, response_, [self = shared_from_this(), last](error_code error, std::size_t) {
      if (error) return;
      if (last) return self->linger();
      self->response_ = {};
      self->read_request();
    });
  }

  // A socket that is closed with unread bytes breaks the peer's sending; so it is read out for a while.
  void linger() {
    error_code ignored;
    socket_.shutdown(Protocol::socket::shutdown_send, ignored);
    set_deadline(lingering_time);
    discard();
  }
  void discard() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(65536), [self = shared_from_this()](error_code error, std::size_t) {
      if (!error && !self->expired_) self->discard();
    });
  }

  std::shared_ptr<Impl> server_;
  Protocol::socket socket_;
  asio::steady_timer deadline_;
  Peer peer_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Response response_;
  bool expired_ = false;
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
  for (auto* connection : connections_) connection->close();
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
    std::make_shared<Connection>(shared_from_this(), std::move(socket), *peer)->read_request();
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
  auto impl = std::make_shared<Impl>(context, std::move(*socket), options.limits, operations);
  if (auto started = impl->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  impl_->stop();
}

}  // namespace gatehouse::admin
