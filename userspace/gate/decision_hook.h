// The decision hook: a program of the operator's that is asked before a connection is let in, for those who keep
// identity elsewhere. Over a Unix stream socket, one connection a question: one JSON line out, one JSON line back
// (docs/operating.md, "A decision hook", has the fields). It can refuse, say who the user is, and say until when; it
// cannot allow what the policy does not.
//
// Threads: one object a loop, used on the loop's thread only. Whatever goes wrong (nobody listens, no answer in time,
// an answer that cannot be read) is an error, and the caller denies.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/address.h"
#include "base/result.h"
#include "base/time.h"
#include "gate/hook_answer.h"
#include "policy/engine.h"
#include "relay/loop.h"

namespace gatehouse::gate {

struct HookOptions {
  std::filesystem::path socket{};  // empty: there is no hook
  std::chrono::milliseconds timeout{1000};
  bool operator==(const HookOptions&) const = default;
};

// The line that asks about a connection, of which the policy has said `decision`; ends with a newline.
std::string hook_question(const Endpoint& from, const Endpoint& to, const policy::Decision& decision, WallTime time);

class DecisionHook {
 public:
  explicit DecisionHook(boost::asio::io_context& context) : context_(context) {}

  // Always comes back: with the answer, or within the time limit with an error.
  relay::Task<Result<HookAnswer>> ask(HookOptions options, std::string question);
  [[nodiscard]] std::size_t asking() const { return sockets_.size(); }
  // All that is being asked comes back with an error at once.
  void cancel();

 private:
  using Socket = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, relay::LoopExecutor>;
  // In the set for as long as it lives.
  class Asked {
   public:
    Asked(std::set<std::shared_ptr<Socket>>& all, std::shared_ptr<Socket> socket)
        : all_(all), socket_(std::move(socket)) {
      all_.insert(socket_);
    }
    ~Asked() { all_.erase(socket_); }
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;

   private:
    std::set<std::shared_ptr<Socket>>& all_;
    std::shared_ptr<Socket> socket_;
  };
  relay::Task<Result<std::string>> exchange(std::shared_ptr<Socket> socket, const HookOptions& options,
                                            const std::string& question);

  boost::asio::io_context& context_;
  std::set<std::shared_ptr<Socket>> sockets_;
};

}  // namespace gatehouse::gate
