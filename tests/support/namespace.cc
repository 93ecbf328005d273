#include "support/namespace.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "support/patience.h"
#include "support/process.h"
#include "support/system_failure.h"

namespace gatehouse::test {

namespace {

// Namespaces belong to threads here: the calling thread's own must stay as it is.
void in_thread(const std::function<void()>& function) {
  std::exception_ptr thrown;
  std::thread thread([&] {
    try {
      function();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

std::string sysctl_file(std::string_view name) {
  std::string file(name);
  std::ranges::replace(file, '.', '/');
  return "/proc/sys/" + file;
}

// IPv6 uses an interface only from the moment on at which the kernel's link watch has seen its carrier, up to a second
// after it was set up. Asking for the link makes newer kernels look at once; the answer that counts is IFF_RUNNING.
bool is_running(const Namespace& where, const std::string& interface) {
  return where.run([&] {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) fail("socket");
    ethtool_value link{ETHTOOL_GLINK, 0};
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&link);
    if (ioctl(socket.get(), SIOCETHTOOL, &request) != 0) fail("SIOCETHTOOL for " + interface);
    if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) fail("SIOCGIFFLAGS for " + interface);
    return (request.ifr_flags & IFF_RUNNING) != 0;
  });
}

}  // namespace

Namespace::Namespace() {
  in_thread([this] {
    if (unshare(CLONE_NEWNET) != 0) fail("a network namespace cannot be made (tests of the kernel's part need root)");
    handle_.reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!handle_) fail("open /proc/thread-self/ns/net");
  });
  ip({"link set lo up"});
  for (const char* device : {"all", "default"}) set_sysctl(std::string("net.ipv6.conf.") + device + ".accept_dad", "0");
}

std::string Namespace::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(handle_.get());
}

void Namespace::run_in_thread(const std::function<void()>& function) const {
  in_thread([&] {
    if (setns(handle_.get(), CLONE_NEWNET) != 0) fail("setns");
    function();
  });
}

void Namespace::ip(const std::vector<std::string>& lines) const {
  std::string input;
  for (const std::string& line : lines) input += line + "\n";
  const CommandResult result = run_command({"ip", "-batch", "-"}, {.where = this, .input = input});
  if (result.exit_code != 0) throw std::runtime_error("ip -batch failed: " + result.errors + "\nits lines:\n" + input);
}

void Namespace::set_sysctl(std::string_view name, std::string_view value) const {
  run([&] {
    std::ofstream file(sysctl_file(name));
    file << value << std::flush;
    if (!file) throw std::runtime_error("sysctl " + std::string(name) + " cannot be set to " + std::string(value));
  });
}

std::string Namespace::sysctl(std::string_view name) const {
  return run([&] {
    std::ifstream file(sysctl_file(name));
    std::string value;
    if (!std::getline(file, value)) throw std::runtime_error("sysctl " + std::string(name) + " cannot be read");
    return value;
  });
}

void connect(const LinkEnd& one, const LinkEnd& other) {
  one.where.ip(
      {"link add " + one.interface + " type veth peer name " + other.interface + " netns " + other.where.path()});
  for (const LinkEnd* end : {&one, &other}) {
    std::vector<std::string> lines;
    for (const std::string& address : end->addresses) {
      const bool is_v6 = address.find(':') != std::string::npos;
      lines.push_back("address add " + address + " dev " + end->interface + (is_v6 ? " nodad" : ""));
    }
    lines.push_back("link set " + end->interface + " up");
    end->where.ip(lines);
  }
  for (const LinkEnd* end : {&one, &other}) {
    if (!eventually([&] { return is_running(end->where, end->interface); })) {
      throw std::runtime_error("the wire " + end->interface + " did not come up");
    }
  }
}

}  // namespace gatehouse::test
