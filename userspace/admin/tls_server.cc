#include "admin/tls_server.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "admin/browser_logins.h"
#include "admin/login_limit.h"

namespace gatehouse::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds pause_after_failure{100};
constexpr std::string_view bearer = "Bearer ";

tcp::endpoint endpoint_of(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  const auto length = endpoint.to_sockaddr(storage);
  tcp::endpoint made;
  std::memcpy(made.data(), &storage, length);
  made.resize(length);
  return made;
}

Endpoint endpoint_of(const tcp::endpoint& endpoint) {
  sockaddr_storage storage{};
  std::memcpy(&storage, endpoint.data(), endpoint.size());
  return Endpoint::from_sockaddr(storage);
}

// RFC 9110 section 11.1: the scheme is case-insensitive.
std::optional<std::string_view> token_of(std::string_view authorization) {
  if (authorization.size() <= bearer.size()) return std::nullopt;
  for (std::size_t i = 0; i < bearer.size(); ++i) {
    if ((authorization[i] | 0x20) != (bearer[i] | 0x20)) return std::nullopt;
  }
  return authorization.substr(bearer.size());
}

Answer who_are_you(std::string what, std::string challenge) {
  return {
      .status = 401,
      .body = error_body({std::move(what), "send \"Authorization: Bearer TOKEN\"; `gatehouse token add` makes one"}),
      .challenge = std::move(challenge)};
}

// The same for whatever is wrong with it: who knocks learns nothing.
Answer not_valid() {
  return who_are_you("this token is not valid", "Bearer realm=\"gatehouse\", error=\"invalid_token\"");
}

bool has_run_out(const Token& token) {
  return token.expires && *token.expires <= now();
}

}  // namespace

// Lives as long as a connection or a posted call does. Members are of the server's own thread unless said otherwise.
class TlsServer::Impl final : public HttpService, public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& control, TlsServerOptions options, Operations& operations)
      : control_(control),
        operations_(&operations),
        in_force_(options.tokens),
        options_(std::move(options)),
        context_(std::in_place, 1) {}
  ~Impl() override = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> listen();
  void run();
  void stop();

  void set_certificate(const TlsCertificate& certificate);
  void set_tokens(std::shared_ptr<const TokenTable> tokens);
  [[nodiscard]] const std::vector<Endpoint>& endpoints() const { return endpoints_; }

  [[nodiscard]] bool is_stopped() const override { return stopped_; }
  [[nodiscard]] const HttpLimits& limits() const override { return options_.limits; }
  std::expected<Peer, Answer> admit(const Peer& client, const RequestHead& head) override;
  [[nodiscard]] bool still_admits(const Peer& peer) const override;
  void answer(OwnedRequest request, Reply reply) override;
  const std::shared_ptr<EventHub>& events() override { return options_.events; }

 private:
  using Connection = HttpConnection<TlsStream>;
  struct Entry {
    HttpConnectionBase* connection = nullptr;
    Address source;
  };

  void accept(tcp::acceptor& acceptor);
  void take(tcp::socket socket, const Endpoint& client);
  [[nodiscard]] bool has_room_for(const Address& source) const;
  void tell_failed(const Address& source, std::string detail);
  [[nodiscard]] std::optional<Peer> by_cookie(const Peer& client, std::string_view cookie) const;
  [[nodiscard]] static Peer with_token(const Peer& client, const Token& token);
  void follow_login(Answer& answer, const Peer& peer);

  asio::io_context& control_;
  Operations* operations_;                      // control thread; null once stopped
  std::shared_ptr<const TokenTable> in_force_;  // control thread: what is done is judged by these
  TlsServerOptions options_;                    // after start(): certificate and tokens change
  std::vector<Endpoint> endpoints_;             // never changes after listen()
  std::atomic<bool> stopped_ = false;
  std::optional<asio::io_context> context_;  // gone with stop()
  std::vector<tcp::acceptor> acceptors_;
  std::map<std::uint64_t, Entry> connections_;
  std::uint64_t next_connection_ = 0;
  LoginLimit limit_;
  BrowserLogins logins_;
  std::thread thread_;
};

Result<void> TlsServer::Impl::listen() {
  for (const auto& wanted : options_.listen) {
    auto& acceptor = acceptors_.emplace_back(*context_);
    const auto endpoint = endpoint_of(wanted);
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error && endpoint.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return failure("the API cannot listen on " + wanted.text() + ": " + error.message(),
                     "check `listen` of `api`, and who else has that port: ss -ltnp");
    }
    endpoints_.push_back(endpoint_of(acceptor.local_endpoint()));
  }
  for (auto& acceptor : acceptors_) accept(acceptor);
  return {};
}

void TlsServer::Impl::run() {
  thread_ = std::thread([this] { context_->run(); });
}

void TlsServer::Impl::stop() {
  operations_ = nullptr;
  stopped_ = true;
  context_->stop();
  if (thread_.joinable()) thread_.join();
  acceptors_.clear();
  for (const auto& [number, entry] : std::map(connections_)) entry.connection->close();
  context_.reset();  // and with it every connection
}

void TlsServer::Impl::set_certificate(const TlsCertificate& certificate) {
  asio::post(*context_, [self = shared_from_this(), certificate] { self->options_.certificate = certificate; });
}

void TlsServer::Impl::set_tokens(std::shared_ptr<const TokenTable> tokens) {
  in_force_ = tokens;
  asio::post(*context_, [self = shared_from_this(), tokens = std::move(tokens)]() mutable {
    self->options_.tokens = std::move(tokens);
    // A connection is asked for its token with each request, but a stream only once.
    for (const auto& [number, entry] : std::map(self->connections_)) entry.connection->close_stream();
  });
}

void TlsServer::Impl::accept(tcp::acceptor& acceptor) {
  // With SOCK_CLOEXEC, which asio does not ask for: a client's socket must not survive the daemon's execution of a new
  // binary.
  acceptor.async_wait(tcp::acceptor::wait_read, [this, &acceptor](error_code error) {
    if (error) return;
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    const int client = ::accept4(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&storage), &length,
                                 SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0) {
      const auto endpoint = Endpoint::from_sockaddr(storage);
      tcp::socket socket(*context_, endpoint.address.is_v4() ? tcp::v4() : tcp::v6(), client);
      take(std::move(socket), endpoint);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      spdlog::error("the API cannot accept a connection: {}", std::generic_category().message(errno));
      auto pause = std::make_shared<asio::steady_timer>(*context_, pause_after_failure);
      pause->async_wait([this, pause, &acceptor](error_code failed) {
        if (!failed) accept(acceptor);
      });
      return;
    }
    accept(acceptor);
  });
}

bool TlsServer::Impl::has_room_for(const Address& source) const {
  if (connections_.size() >= options_.limits.connections) return false;
  const auto of_source = std::ranges::count_if(
      connections_, [&](const auto& each) { return each.second.source == LoginLimit::network_of(source); });
  return static_cast<std::size_t>(of_source) < options_.connections_of_a_source;
}

// Where there is no room the client sees a closed connection: a handshake only to say so would be work for nothing.
void TlsServer::Impl::take(tcp::socket socket, const Endpoint& client) {
  if (!has_room_for(client.address)) return;
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  const auto number = next_connection_++;
  Peer peer;
  peer.role = Role::viewer;
  peer.source = client.address;
  auto self = shared_from_this();
  auto connection = std::make_shared<Connection>(self, TlsStream(std::move(socket), *options_.certificate.context),
                                                 std::move(peer), [self, number] { self->connections_.erase(number); });
  connections_[number] = {connection.get(), LoginLimit::network_of(client.address)};
  connection->start();
}

void TlsServer::Impl::tell_failed(const Address& source, std::string detail) {
  limit_.failed(source, std::chrono::steady_clock::now());
  asio::post(control_, [self = shared_from_this(), login = FailedLogin{source, std::move(detail)}]() mutable {
    if (self->operations_ != nullptr) self->options_.failed_login(std::move(login));
  });
}

Peer TlsServer::Impl::with_token(const Peer& client, const Token& token) {
  Peer peer = client;
  peer.role = token.role;
  peer.token = token.name;
  peer.token_hash = token.hash;
  peer.expires = token.expires;
  return peer;
}

// A cookie is no guess, and one that is over no attack: it counts as no failed login.
std::optional<Peer> TlsServer::Impl::by_cookie(const Peer& client, std::string_view cookie) const {
  const auto secret = cookie_of(cookie, login_cookie);
  const auto* login = secret ? logins_.find(*secret, now()) : nullptr;
  const auto* token = login == nullptr ? nullptr : options_.tokens->find(login->token);
  if (token == nullptr || has_run_out(*token)) return std::nullopt;
  auto peer = with_token(client, *token);
  peer.login = login->number;
  peer.expires = std::min(login->expires, token->expires.value_or(login->expires));
  return peer;
}

bool TlsServer::Impl::still_admits(const Peer& peer) const {
  const auto* token = options_.tokens->find(peer.token_hash);
  return token != nullptr && !has_run_out(*token);
}

// On the server's own thread.
void TlsServer::Impl::follow_login(Answer& answer, const Peer& peer) {
  if (answer.opens_login) {
    answer.headers.emplace_back("Set-Cookie", set_cookie(logins_.open(peer.token_hash, now())));
  } else if (answer.closes_login) {
    logins_.close(peer.login);
    answer.headers.emplace_back("Set-Cookie", drop_cookie());
  }
}

std::expected<Peer, Answer> TlsServer::Impl::admit(const Peer& client, const RequestHead& head) {
  const auto authorization = head.authorization;
  if (is_public(head.method, head.target)) {
    auto nobody = client;
    nobody.role = Role::nobody;
    return nobody;
  }
  if (authorization.empty() && takes_cookie(head.method, head.target)) {
    if (auto peer = by_cookie(client, head.cookie)) return *std::move(peer);
  }
  const auto wait = limit_.wait_of(client.source, std::chrono::steady_clock::now());
  if (wait.count() > 0) {
    return std::unexpected(Answer{.status = 429,
                                  .body = error_body({"too many wrong tokens came from " + client.source.text(),
                                                      "wait " + std::to_string(wait.count()) + " s"}),
                                  .retry_after = wait});
  }
  if (authorization.empty()) return std::unexpected(who_are_you("there is no token", "Bearer realm=\"gatehouse\""));
  const auto refuse = [&](std::string detail) {
    tell_failed(client.source, std::move(detail));
    return std::unexpected(not_valid());
  };
  const auto text = token_of(authorization);
  if (!text) return refuse("no bearer token");
  const auto* token = options_.tokens->find(*text);
  if (token == nullptr) return refuse("unknown token");
  if (has_run_out(*token)) return refuse("the token " + token->name + " has run out");
  return with_token(client, *token);
}

void TlsServer::Impl::answer(OwnedRequest request, Reply reply) {
  // What strangers get is no work of the control thread.
  if (request.peer.role == Role::nobody) {
    if (auto page = public_answer(request.view())) return reply(std::move(*page));
    return reply(not_valid());
  }
  asio::post(control_, [self = shared_from_this(), request = std::move(request), reply = std::move(reply)]() mutable {
    if (self->operations_ == nullptr) return;
    // A body may take its time: the token that let its header in may be gone by now.
    const auto* token = self->in_force_->find(request.peer.token_hash);
    if (token == nullptr || has_run_out(*token)) return reply(not_valid());
    auto result = admin::answer(request.view(), *self->operations_);
    const auto peer = std::move(request.peer);
    request = {};
    if (self->operations_ == nullptr) return;  // a reload may have ended this server
    if (!result.opens_login && !result.closes_login) return reply(std::move(result));
    asio::post(*self->context_, [self, peer, result = std::move(result), reply = std::move(reply)]() mutable {
      self->follow_login(result, peer);
      reply(std::move(result));
    });
  });
}

Result<std::unique_ptr<TlsServer>> TlsServer::start(asio::io_context& control, TlsServerOptions options,
                                                    Operations& operations) {
  auto impl = std::make_shared<Impl>(control, std::move(options), operations);
  if (auto listening = impl->listen(); !listening) {
    impl->stop();
    return std::unexpected(listening.error());
  }
  impl->run();
  return std::unique_ptr<TlsServer>(new TlsServer(std::move(impl)));
}

TlsServer::TlsServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

TlsServer::~TlsServer() {
  impl_->stop();
}

void TlsServer::set_certificate(const TlsCertificate& certificate) {
  impl_->set_certificate(certificate);
}
void TlsServer::set_tokens(std::shared_ptr<const TokenTable> tokens) {
  impl_->set_tokens(std::move(tokens));
}
const std::vector<Endpoint>& TlsServer::endpoints() const {
  return impl_->endpoints();
}

}  // namespace gatehouse::admin
