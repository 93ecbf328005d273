#include "admin/http_connection.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/ostream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <sstream>
#include <type_traits>
#include <utility>

namespace gatehouse::admin {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::size_t events_at_once = 65'536;  // bytes
constexpr std::string_view heartbeat_line = ":\n\n";

template <typename Body>
http::response<Body> head_of(const Answer& answer, bool keep_alive) {
  http::response<Body> response(static_cast<http::status>(answer.status), 11);
  response.set(http::field::content_type, answer.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  for (const auto& [name, value] : answer.headers) response.set(name, value);
  if (!answer.allow.empty()) response.set(http::field::allow, answer.allow);
  if (!answer.challenge.empty()) response.set(http::field::www_authenticate, answer.challenge);
  if (answer.retry_after.count() > 0)
    response.set(http::field::retry_after, std::to_string(answer.retry_after.count()));
  response.keep_alive(keep_alive);
  return response;
}

http::response<http::string_body> response_of(const Answer& answer, bool keep_alive) {
  auto response = head_of<http::string_body>(answer, keep_alive);
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

Answer answer_to_unreadable(boost::system::error_code error, std::uint64_t body_bytes) {
  if (error == http::error::body_limit) {
    return refusal(413, "the body has more than " + std::to_string(body_bytes) + " bytes",
                   "send it in several requests");
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refusal(431, "the request's header is too long", "shorten it to less than 8 KiB");
  }
  return refusal(400, "this is not HTTP/1.1: " + error.message(), "docs/api.md shows how to ask");
}

template <typename Stream>
constexpr bool is_tls = std::is_same_v<Stream, TlsStream>;

}  // namespace

template <typename Stream>
HttpConnection<Stream>::HttpConnection(std::shared_ptr<HttpService> service, Stream stream, Peer client,
                                       std::function<void()> left)
    : service_(std::move(service)),
      stream_(std::move(stream)),
      deadline_(stream_.get_executor()),
      client_(std::move(client)),
      left_(std::move(left)) {}

template <typename Stream>
HttpConnection<Stream>::~HttpConnection() {
  left_();
}

template <typename Stream>
void HttpConnection<Stream>::start() {
  if constexpr (is_tls<Stream>) {
    set_deadline(service_->limits().handshake_time);
    stream_.async_handshake(asio::ssl::stream_base::server, [self = this->shared_from_this()](Error error) {
      if (!error) self->read_request();
    });
  } else {
    read_request();
  }
}

template <typename Stream>
void HttpConnection<Stream>::close() {
  const auto self = std::exchange(waiting_, nullptr);  // until this is done
  reader_.reset();  // from here on no other thread posts to the loop, which may go next
  Error ignored;
  deadline_.cancel();
  stream_.lowest_layer().close(ignored);
}

template <typename Stream>
void HttpConnection<Stream>::close_stream() {
  if (reader_) close();
}

// What does not come or go in time has its operation cancelled; who waits for it sees `expired_`.
template <typename Stream>
void HttpConnection<Stream>::set_deadline(std::chrono::milliseconds time) {
  expired_ = false;
  deadline_.expires_after(time);
  deadline_.async_wait([weak = this->weak_from_this()](Error error) {
    const auto self = weak.lock();
    if (error || !self || self->deadline_.expiry() > std::chrono::steady_clock::now()) return;
    self->expired_ = true;
    Error ignored;
    self->stream_.lowest_layer().cancel(ignored);
  });
}

template <typename Stream>
void HttpConnection<Stream>::read_request() {
  parser_.emplace();
  parser_->body_limit(service_->limits().body_bytes);
  set_deadline(service_->limits().request_time);
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = this->shared_from_this()](Error error, std::size_t) { self->on_header(error); });
}

template <typename Stream>
void HttpConnection<Stream>::on_header(Error error) {
  if (error) return on_unreadable(error);
  if (service_->is_stopped()) return;
  const auto& header = parser_->get();
  const auto field = [&header](http::field name) -> std::string_view {
    const auto value = header[name];
    return {value.data(), value.size()};
  };
  const auto target = header.target();
  const auto method = header.method_string();
  only_head_ = method == "HEAD";
  auto peer = service_->admit(client_, {.method = {method.data(), method.size()},
                                        .target = {target.data(), target.size()},
                                        .authorization = field(http::field::authorization),
                                        .cookie = field(http::field::cookie)});
  if (!peer) return write(response_of(peer.error(), false), true);
  peer_ = std::move(*peer);
  // Nobody unknown gets to send more than a header.
  if (peer_.role == Role::nobody && (parser_->chunked() || parser_->content_length().value_or(0) > 0)) {
    return write(response_of(refusal(413, "this request has a body", "send it without"), false), true);
  }
  if (peer_.role == Role::viewer) parser_->body_limit(service_->limits().viewer_body_bytes);
  if (header[http::field::expect] == "100-continue") return invite_body();
  read_body();
}

template <typename Stream>
void HttpConnection<Stream>::invite_body() {
  static constexpr std::string_view invitation = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(invitation), [self = this->shared_from_this()](Error error, std::size_t) {
    if (!error) self->read_body();
  });
}

template <typename Stream>
void HttpConnection<Stream>::read_body() {
  http::async_read(stream_, buffer_, *parser_, [self = this->shared_from_this()](Error error, std::size_t) {
    if (error) return self->on_unreadable(error);
    self->on_request();
  });
}

template <typename Stream>
void HttpConnection<Stream>::on_request() {
  if (service_->is_stopped()) return;
  deadline_.cancel();
  auto message = parser_->release();
  parser_.reset();
  keep_alive_ = message.keep_alive();
  last_event_id_ = message["Last-Event-ID"];
  OwnedRequest request{.method = message.method_string(),
                       .target = message.target(),
                       .body = std::move(message.body()),
                       .peer = peer_,
                       .range = message[http::field::range]};
  // Whoever answers may outlive the loop of this connection, which must not outlive its loop: so it holds on to itself,
  // and is looked for on the loop only.
  waiting_ = this->shared_from_this();
  service_->answer(std::move(request),
                   [weak = this->weak_from_this(), executor = stream_.get_executor()](Answer answer) mutable {
                     asio::dispatch(executor, [weak = std::move(weak), answer = std::move(answer)]() mutable {
                       if (const auto self = weak.lock()) self->on_answer(std::move(answer));
                     });
                   });
}

template <typename Stream>
void HttpConnection<Stream>::on_answer(Answer answer) {
  const auto self = std::exchange(waiting_, nullptr);
  if (service_->is_stopped()) return;
  if (answer.status == 200 && answer.events) return stream_events(*answer.events);
  if (answer.file) return send_file(answer, std::move(*answer.file));
  write(response_of(answer, keep_alive_), !keep_alive_);
}

template <typename Stream>
void HttpConnection<Stream>::on_unreadable(Error error) {
  if (service_->is_stopped()) return;
  if (expired_ && parser_->got_some()) {  // a silent connection is closed without a word
    return write(response_of(refusal(408, "the request did not arrive in time", "send it in one go"), false), true);
  }
  // Silent, gone, or gone in the middle of a request: nobody waits for an answer.
  if (error == asio::error::operation_aborted || error == http::error::end_of_stream ||
      error == http::error::partial_message || error.category() == boost::system::system_category() ||
      error.category() == asio::error::get_ssl_category() ||
      error.category() == asio::ssl::error::get_stream_category()) {
    return;
  }
  write(response_of(answer_to_unreadable(error, service_->limits().body_bytes), false), true);
}

template <typename Stream>
void HttpConnection<Stream>::write(Response response, bool last) {
  response_ = std::move(response);
  if (std::exchange(only_head_, false)) {
    const auto length = response_.body().size();
    response_.body().clear();
    response_.content_length(length);
  }
  keep_alive_ = !last;
  set_deadline(service_->limits().request_time);
  http::async_write(stream_, response_, [self = this->shared_from_this()](Error error, std::size_t) {
    if (!error) self->next_request();
  });
}

template <typename Stream>
void HttpConnection<Stream>::next_request() {
  if (!keep_alive_) return linger();
  response_ = {};
  read_request();
}

template <typename Stream>
void HttpConnection<Stream>::send_file(const Answer& answer, FilePart file) {
  auto head = head_of<http::empty_body>(answer, keep_alive_);
  head.content_length(file.part.length);
  std::ostringstream text;
  text << head.base();
  file_ = std::move(file);
  if (std::exchange(only_head_, false)) file_->part.length = 0;
  send_piece(std::move(text).str());
}

// `text`: what goes out before it.
template <typename Stream>
void HttpConnection<Stream>::send_piece(std::string text) {
  auto& [file, part] = *file_;
  const auto begin = text.size();
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(part.length, piece_of_file));
  text.resize(begin + wanted);
  ssize_t got = 0;
  if (wanted > 0) {
    do {
      got = ::pread(file.get(), text.data() + begin, wanted, static_cast<off_t>(part.offset));
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return close();  // it has become shorter than was promised
  }
  text.resize(begin + static_cast<std::size_t>(got));
  part.offset += static_cast<std::size_t>(got);
  part.length -= static_cast<std::size_t>(got);
  text_ = std::move(text);
  set_deadline(service_->limits().request_time);
  asio::async_write(stream_, asio::buffer(text_), [self = this->shared_from_this()](Error error, std::size_t) {
    if (error || self->service_->is_stopped() || !self->file_) return;
    if (self->file_->part.length > 0) {
      if (self->has_run_out() || !self->service_->still_admits(self->peer_)) return self->close();
      return self->send_piece({});
    }
    self->file_.reset();
    self->next_request();
  });
}

// A socket that is closed with unread bytes breaks the peer's sending; so it is read out for a while.
template <typename Stream>
void HttpConnection<Stream>::linger() {
  set_deadline(service_->limits().linger_time);
  const auto finish = [self = this->shared_from_this()] {
    if (self->expired_) return;  // or it would wait for ever for who stays silent
    Error ignored;
    self->stream_.lowest_layer().shutdown(asio::socket_base::shutdown_send, ignored);
    self->discard();
  };
  if constexpr (is_tls<Stream>) {
    stream_.async_shutdown([finish](Error) { finish(); });
  } else {
    finish();
  }
}

template <typename Stream>
void HttpConnection<Stream>::discard() {
  buffer_.clear();
  const auto next = [self = this->shared_from_this()](Error error, std::size_t) {
    if (!error && !self->expired_) self->discard();
  };
  if constexpr (is_tls<Stream>) {
    stream_.next_layer().async_read_some(buffer_.prepare(65536), next);
  } else {
    stream_.async_read_some(buffer_.prepare(65536), next);
  }
}

template <typename Stream>
void HttpConnection<Stream>::stream_events(const EventFilter& filter) {
  const auto wake = [weak = this->weak_from_this(), executor = stream_.get_executor()] {
    asio::post(executor, [weak] {
      if (const auto self = weak.lock(); self && !self->sending_) self->send_events();
    });
  };
  auto reader = service_->events()->listen(filter, last_event_id_, wake);
  if (!reader) return write(response_of({503, error_body(reader.error()), {}}, keep_alive_), !keep_alive_);
  reader_ = std::move(*reader);
  watch_client();
  // Its end is that of the connection (RFC 9112 section 6.3); the empty comment shows that it has begun.
  send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n" +
       std::string(heartbeat_line));
}

// Who listens has nothing to say any more: what comes is thrown away, and its end is the stream's.
template <typename Stream>
void HttpConnection<Stream>::watch_client() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(4096), [self = this->shared_from_this()](Error error, std::size_t) {
    if (!error) return self->watch_client();
    if (error == asio::error::operation_aborted && !self->expired_) return;  // closed by us
    self->close();
  });
}

template <typename Stream>
void HttpConnection<Stream>::send_events() {
  if (service_->is_stopped() || !reader_) return;
  if (has_run_out()) return close();
  auto text = reader_->take(events_at_once);
  if (text.empty()) return wait_for_events();
  send(std::move(text));
}

template <typename Stream>
bool HttpConnection<Stream>::has_run_out() const {
  return peer_.expires && *peer_.expires <= now();
}

template <typename Stream>
void HttpConnection<Stream>::wait_for_events() {
  auto time = service_->limits().heartbeat;
  if (peer_.expires) time = std::min(time, std::chrono::ceil<std::chrono::milliseconds>(*peer_.expires - now()));
  deadline_.expires_after(time);
  deadline_.async_wait([weak = this->weak_from_this()](Error error) {
    const auto self = weak.lock();
    if (error || !self || self->sending_ || self->deadline_.expiry() > std::chrono::steady_clock::now()) return;
    if (self->has_run_out()) return self->close();
    self->send(std::string(heartbeat_line));
  });
}

template <typename Stream>
void HttpConnection<Stream>::send(std::string text) {
  sending_ = true;
  text_ = std::move(text);
  set_deadline(service_->limits().request_time);
  asio::async_write(stream_, asio::buffer(text_), [self = this->shared_from_this()](Error error, std::size_t) {
    self->sending_ = false;
    if (error) return self->close();
    self->send_events();
  });
}

template class HttpConnection<UnixStream>;
template class HttpConnection<TlsStream>;

}  // namespace gatehouse::admin
