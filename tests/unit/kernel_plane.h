// A network namespace and a bpffs of its own for tests of the data plane. Every call of a plane belongs into in(), for
// netlink and links go to the namespace of the calling thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/fd.h"
#include "kernel/dataplane.h"
#include "kernel/kernel_maps.h"
#include "support/directories.h"
#include "support/namespace.h"

namespace gatehouse::kernel::test {

using gatehouse::test::MountedDirectory;
using gatehouse::test::Namespace;

class PlaneRig {
 public:
  PlaneRig();  // with a pair of interfaces, guard0 and guard1

  [[nodiscard]] DataplaneOptions options() const;
  [[nodiscard]] std::filesystem::path pin(const std::string& name) const {
    return bpffs.path() / "gatehouse" / "test" / name;
  }

  template <typename Function>
  auto in(Function&& function) const {
    return where.run(std::forward<Function>(function));
  }

  [[nodiscard]] Result<std::unique_ptr<Dataplane>> try_open(const DataplaneOptions& with) const;
  [[nodiscard]] std::unique_ptr<Dataplane> open() const { return open(options()); }
  [[nodiscard]] std::unique_ptr<Dataplane> open(const DataplaneOptions& with) const;  // throws the refusal
  // The instance's maps, by their pins.
  [[nodiscard]] KernelMaps maps() const;

  const Namespace where;
  const MountedDirectory bpffs = MountedDirectory::bpffs();
};

// What a test cannot go on without: the value, or the refusal as an exception.
template <typename T>
T require(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

Address address(const std::string& text);
Prefix network(const std::string& text);
policy::Ban ban_of(const std::string& text, std::uint64_t id, std::optional<WallTime> expires = std::nullopt);
ServiceBinding service_of(const std::string& proxy, std::uint16_t port, std::uint32_t id, std::uint32_t slot = 0);
Verdict verdict_of(const std::string& source, const std::string& destination, std::uint16_t port, Duration for_time);

// A pair of listening sockets on loopback, transparent, the same port.
struct Listening {
  explicit Listening(const Namespace& where);
  Fd v4;
  Fd v6;
  std::uint16_t port = 0;
  [[nodiscard]] ListenerPair pair(std::uint32_t slot = 0) const { return {slot, v4.get(), v6.get(), port}; }
};

}  // namespace gatehouse::kernel::test
