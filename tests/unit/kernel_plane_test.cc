#include "unit/kernel_plane.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace gatehouse::kernel::test {
namespace {

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

Fd listening(const Endpoint& at) {
  const bool v4 = at.address.is_v4();
  Fd socket(checked(::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  const int on = 1;
  checked(::setsockopt(socket.get(), v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &on, sizeof on),
          "transparent");
  if (!v4) checked(::setsockopt(socket.get(), SOL_IPV6, IPV6_V6ONLY, &on, sizeof on), "v6only");
  sockaddr_storage storage{};
  const socklen_t size = at.to_sockaddr(storage);
  checked(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), size), "bind");
  checked(::listen(socket.get(), 16), "listen");
  return socket;
}

}  // namespace

PlaneRig::PlaneRig() {
  where.ip({"link add guard0 type veth peer name guard1", "link set guard0 up", "link set guard1 up"});
}

DataplaneOptions PlaneRig::options() const {
  DataplaneOptions options;
  options.instance = "test";
  options.bpffs = bpffs.path();
  options.interfaces = {"guard0"};
  return options;
}

Result<std::unique_ptr<Dataplane>> PlaneRig::try_open(const DataplaneOptions& with) const {
  return in([&] { return Dataplane::open(with); });
}

std::unique_ptr<Dataplane> PlaneRig::open(const DataplaneOptions& with) const {
  return require(try_open(with));
}

KernelMaps PlaneRig::maps() const {
  MapDescriptors descriptors;
  for (const char* name : {"services", "listeners", "banned_hosts", "banned_nets", "banned_devices", "denied_flows",
                           "failsafe", "mode", "deny_events", "counters", "event_rates"}) {
    descriptors.emplace(name, Fd(checked(::bpf_obj_get(pin(name).c_str()), name)));
  }
  return KernelMaps::of(std::move(descriptors));
}

Address address(const std::string& text) {
  return require(Address::parse(text));
}
Prefix network(const std::string& text) {
  return require(Prefix::parse(text));
}

policy::Ban ban_of(const std::string& text, std::uint64_t id, std::optional<WallTime> expires) {
  return {id, network(text), expires};
}

ServiceBinding service_of(const std::string& proxy, std::uint16_t port, std::uint32_t id, std::uint32_t slot) {
  return {{address(proxy), port}, policy::Transport::tcp, id, policy::Kind::relay, slot};
}

Verdict verdict_of(const std::string& source, const std::string& destination, std::uint16_t port, Duration for_time) {
  Verdict verdict;
  verdict.source = address(source);
  verdict.destination = {address(destination), port};
  verdict.expires = now() + for_time;
  verdict.audit_id = 77;
  verdict.reason = policy::Reason::no_matching_policy;
  return verdict;
}

Listening::Listening(const Namespace& where) {
  where.run([this] {
    v4 = listening({address("127.0.0.1"), 0});
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    checked(::getsockname(v4.get(), reinterpret_cast<sockaddr*>(&storage), &size), "getsockname");
    port = Endpoint::from_sockaddr(storage).port;
    v6 = listening({address("::1"), port});
  });
}

TEST(PlaneRig, ComesUpAndGoesDown) {
  const PlaneRig rig;
  const auto plane = rig.open();
  EXPECT_EQ(plane->status().steering, "sk_lookup");
  EXPECT_EQ(plane->status().guards.size(), 1U);
}

}  // namespace gatehouse::kernel::test
