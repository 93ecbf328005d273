#include "gate/decision_hook.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

namespace gatehouse::gate {

using relay::awaiting;

namespace {

using Json = nlohmann::json;

constexpr std::size_t longest_line = 4096;
constexpr std::chrono::milliseconds retry_period{5};

std::unexpected<Error> no_answer(const HookOptions& options, const std::string& what) {
  return std::unexpected(Error{"the decision hook at " + options.socket.string() + " " + what,
                               "see whether it runs and answers in time (decision_hook in the configuration)"});
}

template <typename Thing>
Json name_or_null(const Thing* thing) {
  return thing != nullptr ? Json(thing->name) : Json(nullptr);
}

}  // namespace

std::string hook_question(const Endpoint& from, const Endpoint& to, const policy::Decision& decision, WallTime time) {
  const auto* service = decision.service;
  const Json line{{"version", 1},
                  {"time", format_time(time)},
                  {"source", from.address.text()},
                  {"source_port", from.port},
                  {"destination", to.address.text()},
                  {"port", to.port},
                  {"protocol", service != nullptr ? Json(service->spec.protocol) : Json(nullptr)},
                  {"service", name_or_null(service)},
                  {"server", name_or_null(decision.server)},
                  {"user", name_or_null(decision.user)},
                  {"grant", name_or_null(decision.grant)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

relay::Task<Result<HookAnswer>> DecisionHook::ask(HookOptions options, std::string question) {
  auto socket = std::make_shared<Socket>(context_.get_executor());
  const Asked asked(sockets_, socket);
  const auto late = std::make_shared<bool>(false);
  relay::Timer limit(context_.get_executor(), options.timeout);
  limit.async_wait([socket, late](const boost::system::error_code& error) {
    if (error) return;
    *late = true;
    boost::system::error_code ignored;
    socket->close(ignored);
  });
  auto line = co_await exchange(socket, options, question);
  if (*late) co_return no_answer(options, "did not answer within " + format_duration(options.timeout));
  if (!line) co_return std::unexpected(std::move(line.error()));
  co_return parse_hook_answer(*line);
}

relay::Task<Result<std::string>> DecisionHook::exchange(std::shared_ptr<Socket> socket, const HookOptions& options,
                                                        const std::string& question) {
  namespace errors = boost::asio::error;
  boost::system::error_code error;
  relay::Timer pause(context_.get_executor());
  // A hook with a short backlog is not gone: what does not fit into it tries again until the time is over.
  while (true) {
    co_await socket->async_connect(Socket::endpoint_type(options.socket.string()),
                                   boost::asio::redirect_error(awaiting, error));
    if (!error) {
      co_await boost::asio::async_write(*socket, boost::asio::buffer(question),
                                        boost::asio::redirect_error(awaiting, error));
    }
    if (error != errors::try_again && error != errors::would_block && error != errors::not_connected) break;
    pause.expires_after(retry_period);
    boost::system::error_code ignored;
    co_await pause.async_wait(boost::asio::redirect_error(awaiting, ignored));
    if (!socket->is_open()) co_return no_answer(options, "did not take the question");
  }
  if (error) co_return no_answer(options, "did not take the question: " + error.message());
  std::string line;
  const auto length = co_await boost::asio::async_read_until(*socket, boost::asio::dynamic_buffer(line, longest_line),
                                                             '\n', boost::asio::redirect_error(awaiting, error));
  if (error) {
    co_return no_answer(options, error == errors::not_found ? "answers with a line that is too long"
                                                            : "ended without an answer: " + error.message());
  }
  line.resize(length - 1);
  co_return line;
}

void DecisionHook::cancel() {
  for (const auto& socket : sockets_) {
    boost::system::error_code ignored;
    socket->close(ignored);
  }
}

}  // namespace gatehouse::gate
