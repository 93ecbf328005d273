#include "gate/forwarder.h"

#include <stdexcept>
#include <utility>

namespace gatehouse::gate {
namespace {

class RelayForwarder final : public Forwarder {
 public:
  RelayForwarder(relay::Socket client, relay::PipePool& pipes, relay::RelayOptions options)
      : relay_(std::move(client), pipes, options) {}

  Task<std::optional<relay::RelayOutcome>> prepare() override { return relay_.dial(); }
  Task<relay::RelayOutcome> forward() override { return relay_.forward(); }
  bool abort(policy::EndReason reason, std::string detail) override { return relay_.abort(reason, std::move(detail)); }
  void expire(relay::SteadyTime now) override { relay_.expire(now); }
  void set_idle_timeout(std::chrono::milliseconds timeout) override { relay_.set_idle_timeout(timeout); }
  void announce_end(Duration) override {}  // bytes of somebody else's protocol: nothing can be said in between
  [[nodiscard]] std::uint64_t bytes_from_client() const override { return relay_.bytes_from_client(); }
  [[nodiscard]] std::uint64_t bytes_to_client() const override { return relay_.bytes_to_client(); }

 private:
  relay::TcpRelay relay_;
};

}  // namespace

std::unique_ptr<Forwarder> make_forwarder(policy::Kind kind, relay::Socket client, relay::PipePool& pipes,
                                          relay::RelayOptions options) {
  switch (kind) {
    case policy::Kind::rdp:  // relayed as it is: enforced and accounted for, not looked into
    case policy::Kind::relay:
      return std::make_unique<RelayForwarder>(std::move(client), pipes, options);
    case policy::Kind::rustdesk:
      break;
  }
  throw std::logic_error("this kind of service has a forwarder of its own");
}

}  // namespace gatehouse::gate
