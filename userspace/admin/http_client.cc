#include "admin/http_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <system_error>

#include "base/fd.h"

namespace gatehouse::admin {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Protocol = asio::local::stream_protocol;

constexpr std::uint64_t largest_answer = 1ULL << 30U;

// One exchange; every step continues the one before, `run` gives it its time.
class Exchange {
 public:
  Exchange(const std::string& method, const std::string& target, const nlohmann::json& body) {
    request_.method_string(method);
    request_.target(target);
    request_.version(11);
    request_.set(http::field::host, "gatehouse");
    request_.keep_alive(false);
    if (!body.is_null()) {
      request_.set(http::field::content_type, "application/json");
      request_.body() = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    request_.prepare_payload();
    parser_.body_limit(largest_answer);
  }

  std::expected<HttpAnswer, RequestError> run(const std::filesystem::path& path, std::chrono::seconds timeout) {
    if (path.native().empty() || path.native().size() >= sizeof(sockaddr_un::sun_path)) {
      return fault("the socket path '" + path.string() + "' is empty or too long",
                   "a Unix socket's path has at most 107 bytes", false);
    }
    if (const int error = connect(path, timeout); error == EAGAIN) {
      return late(path, timeout);
    } else if (error != 0) {
      return unreachable(path, error);
    }
    write();
    context_.run_for(timeout);
    if (!done_) return late(path, timeout);
    if (outcome_)
      return fault("the daemon at " + path.string() + " broke off: " + outcome_.message(), "look at its log", true);
    HttpAnswer answer{static_cast<int>(parser_.get().result_int()),
                      nlohmann::json::parse(parser_.get().body(), nullptr, false)};
    if (answer.body.is_discarded()) {
      return fault("what answers at " + path.string() + " does not speak JSON", "check the socket's path", true);
    }
    return answer;
  }

 private:
  static std::unexpected<RequestError> fault(std::string what, std::string mend, bool reached) {
    return std::unexpected(RequestError{{std::move(what), std::move(mend)}, reached});
  }

  static std::unexpected<RequestError> late(const std::filesystem::path& path, std::chrono::seconds timeout) {
    return fault("the daemon at " + path.string() + " did not answer in " + std::to_string(timeout.count()) + " s",
                 "look at its log; it may be busy", true);
  }

  static std::unexpected<RequestError> unreachable(const std::filesystem::path& path, int error) {
    if (error == EACCES || error == EPERM) {
      return fault("no right to open " + path.string(), "run it as root or as a member of the socket's group", false);
    }
    return fault("no daemon answers at " + path.string() + ": " + std::generic_category().message(error),
                 "start gatehoused, or name its socket with --socket", false);
  }

  // By hand, for a full backlog makes connect(2) wait, and only SO_SNDTIMEO bounds that. EAGAIN: it took too long.
  int connect(const std::filesystem::path& path, std::chrono::seconds timeout) {
    Fd descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!descriptor) return errno;
    const timeval limit{timeout.count(), 0};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    sockaddr_storage storage{};
    std::memcpy(&storage, &address, sizeof address);
    if (::setsockopt(descriptor.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) return errno;
    if (::connect(descriptor.get(), reinterpret_cast<const sockaddr*>(&storage), sizeof address) != 0) return errno;
    error_code error;
    socket_.assign(Protocol(), descriptor.release(), error);
    return error.value();
  }

  void write() {
    // A write that fails does not end it: the daemon may have refused the body and said why.
    http::async_write(socket_, request_, [this](error_code, std::size_t) { read(); });
  }
  void read() {
    http::async_read(socket_, buffer_, parser_, [this](error_code error, std::size_t) {
      outcome_ = error;
      done_ = true;
    });
  }

  asio::io_context context_{1};
  Protocol::socket socket_{context_};
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  boost::beast::flat_buffer buffer_;
  error_code outcome_;
  bool done_ = false;
};

}  // namespace

std::expected<HttpAnswer, RequestError> ask(const std::filesystem::path& socket, const std::string& method,
                                            const std::string& target, const nlohmann::json& body,
                                            std::chrono::seconds timeout) {
  Exchange exchange(method, target, body);
  return exchange.run(socket, timeout);
}

Result<HttpAnswer> request(const std::filesystem::path& socket, const std::string& method, const std::string& target,
                           const nlohmann::json& body, std::chrono::seconds timeout) {
  auto answer = ask(socket, method, target, body, timeout);
  if (!answer) return std::unexpected(answer.error().error);
  return std::move(*answer);
}

}  // namespace gatehouse::admin
