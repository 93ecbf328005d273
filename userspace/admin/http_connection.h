// One client of the API, over any stream: HTTP/1.1 requests one after the other, until it closes, errs or stays silent;
// a stream of events; or a part of a file, which goes out in pieces between which others have their turn. It is kept
// alive by its own pending operations.
//
// Who it is is settled between header and body: nobody unknown gets to send more than a header.
//
// Threads: that of the stream's loop; `reply` of HttpService::answer() may be called on any.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "admin/event_hub.h"
#include "admin/operations.h"
#include "admin/routes.h"

namespace gatehouse::admin {

struct HttpLimits {
  std::size_t connections = 64;  // one more is told 503 and closed
  std::uint64_t body_bytes = 64ULL << 20U;
  std::uint64_t viewer_body_bytes = 1ULL << 20U;     // of who may only look
  std::chrono::milliseconds request_time{30'000};    // for a request to arrive whole, and for an answer to be taken
  std::chrono::milliseconds handshake_time{10'000};  // TLS
  std::chrono::milliseconds heartbeat{15'000};       // of a stream of events in which nothing happens
  std::chrono::milliseconds linger_time{5'000};      // for a client to close after its last answer
};

struct OwnedRequest {
  std::string method;
  std::string target;
  std::string body;
  Peer peer;
  std::string range;
  [[nodiscard]] Request view() const { return {method, target, body, peer, range}; }
};

// What is known of a request when its header is there.
struct RequestHead {
  std::string_view method;
  std::string_view target;
  std::string_view authorization;
  std::string_view cookie;
};

// What a connection asks of the server that it belongs to. All calls are on the connection's thread.
class HttpService {
 public:
  using Reply = std::move_only_function<void(Answer)>;

  virtual ~HttpService() = default;
  [[nodiscard]] virtual bool is_stopped() const = 0;
  [[nodiscard]] virtual const HttpLimits& limits() const = 0;
  // Who asks, or what to answer instead. `client`: what is known from the socket.
  virtual std::expected<Peer, Answer> admit(const Peer& client, const RequestHead& head) = 0;
  // Whether what was let in is still good: asked between the pieces of a long answer.
  [[nodiscard]] virtual bool still_admits(const Peer& peer) const = 0;
  // Calls `reply` once, at once or later.
  virtual void answer(OwnedRequest request, Reply reply) = 0;
  virtual const std::shared_ptr<EventHub>& events() = 0;
};

class HttpConnectionBase {
 public:
  virtual ~HttpConnectionBase() = default;
  virtual void close() = 0;
  virtual void close_stream() = 0;  // if it is a stream of events
};

template <typename Stream>
class HttpConnection final : public HttpConnectionBase, public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  HttpConnection(std::shared_ptr<HttpService> service, Stream stream, Peer client, std::function<void()> left);
  ~HttpConnection() override;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  void start();
  void close() override;
  void close_stream() override;

 private:
  using Error = boost::system::error_code;
  // What is neither header nor body is bounded by this: what stands beside the size of a chunk.
  static constexpr std::size_t most_unread = 128UL << 10U;
  static constexpr std::size_t piece_of_file = 64UL << 10U;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;

  void set_deadline(std::chrono::milliseconds time);
  void read_request();
  void on_header(Error error);
  void invite_body();
  void read_body();
  void on_request();
  void on_answer(Answer answer);
  void on_unreadable(Error error);
  void write(Response response, bool last);
  void send_file(const Answer& answer, FilePart file);
  void send_piece(std::string text);
  void next_request();
  void linger();
  void discard();
  // A stream of events.
  void stream_events(const EventFilter& filter);
  void watch_client();
  void send_events();
  void wait_for_events();
  [[nodiscard]] bool has_run_out() const;  // the token with which the stream was opened
  void send(std::string text);

  std::shared_ptr<HttpService> service_;
  Stream stream_;
  boost::asio::steady_timer deadline_;
  Peer client_;
  Peer peer_;
  std::function<void()> left_;
  boost::beast::flat_buffer buffer_{most_unread};
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  Response response_;
  std::shared_ptr<HttpConnection> waiting_;  // for an answer: itself
  bool keep_alive_ = false;
  bool only_head_ = false;        // the method is HEAD
  std::optional<FilePart> file_;  // what is still to be sent of it
  bool expired_ = false;
  std::string last_event_id_;
  std::unique_ptr<EventHub::Reader> reader_;
  bool sending_ = false;
  std::string text_;
};

using UnixStream = boost::asio::local::stream_protocol::socket;
using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;
extern template class HttpConnection<UnixStream>;
extern template class HttpConnection<TlsStream>;

}  // namespace gatehouse::admin
