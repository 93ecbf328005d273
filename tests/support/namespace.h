// A network namespace that lives as long as its object. It has no name and no mount: the kernel removes it with the
// last descriptor or process that holds it, so that nothing is left behind, whatever happens to the test. Tools that
// want a name take path(). New namespaces have loopback up and no duplicate address detection (IPv6 addresses work at
// once).
//
// Threads: run() may be called from any thread. A socket belongs to the namespace it was made in, wherever it is used
// later. Errors: std::runtime_error, with the command and what it said; a test has nothing better to do than to fail.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/fd.h"

namespace gatehouse::test {

class Namespace {
 public:
  Namespace();

  [[nodiscard]] int descriptor() const { return handle_.get(); }
  // Of this process, for tools: "ip link set dev X netns PATH", "nsenter --net=PATH".
  [[nodiscard]] std::string path() const;

  // Calls `function` in a thread of its own inside the namespace, waits for it and returns what it returned or throws
  // what it threw.
  template <typename Function>
  auto run(Function&& function) const -> std::invoke_result_t<Function> {
    using Value = std::invoke_result_t<Function>;
    if constexpr (std::is_void_v<Value>) {
      run_in_thread([&] { function(); });
    } else {
      std::optional<Value> value;
      run_in_thread([&] { value.emplace(function()); });
      return std::move(*value);
    }
  }

  // Each line is a command of ip(8): "route add default via 192.0.2.1". One process for all of them; throws if one
  // fails.
  void ip(const std::vector<std::string>& lines) const;
  // ("net.ipv4.ip_forward", "1"); only what is below net. has a value of its own in each namespace.
  void set_sysctl(std::string_view name, std::string_view value) const;
  [[nodiscard]] std::string sysctl(std::string_view name) const;

 private:
  void run_in_thread(const std::function<void()>& function) const;

  Fd handle_;
};

struct LinkEnd {
  const Namespace& where;
  std::string interface;
  std::vector<std::string> addresses;  // "192.0.2.1/24", "2001:db8:1::1/64"
};

// A virtual wire between two namespaces, both ends up and with their addresses. It goes away with either of them.
void connect(const LinkEnd& one, const LinkEnd& other);

}  // namespace gatehouse::test
