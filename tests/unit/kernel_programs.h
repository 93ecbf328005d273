// The two programs with maps of their own, neither pinned nor attached, run by the kernel on packets and lookups that a
// test makes up. Facts: https://docs.kernel.org/bpf/bpf_prog_run.html. A run has no effect but on maps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/events.h"
#include "kernel/kernel_maps.h"
#include "support/packet.h"
#include "unit/kernel_plane.h"

namespace gatehouse::kernel::test {

enum class Fate { dropped, passed, other };
std::ostream& operator<<(std::ostream& out, Fate fate);

struct LookupOutcome {
  Fate fate = Fate::other;
  std::uint64_t cookie = 0;  // of the chosen socket; 0: none was chosen
};

class LoadedPrograms {
 public:
  LoadedPrograms();

  [[nodiscard]] Fate guard(const std::vector<std::uint8_t>& frame) const;
  [[nodiscard]] Fate guard(const gatehouse::test::PacketBuilder& packet) const { return guard(packet.frame()); }
  // A new connection from `source` to `destination`, as the kernel asks for its socket.
  [[nodiscard]] LookupOutcome steer(const std::string& source, const std::string& destination, std::uint16_t port,
                                    policy::Transport transport = policy::Transport::tcp) const;
  // What one run takes, in nanoseconds, as the kernel measures it.
  [[nodiscard]] std::uint32_t guard_nanoseconds(const std::vector<std::uint8_t>& frame, unsigned repeat) const;

  void set_mode(gatehouse_mode mode, gatehouse_steering steering = STEERING_SK_LOOKUP) const;
  // `expires_ns` as in the map: 0 is never, 1 long ago.
  void ban(const std::string& network, std::uint64_t expires_ns = 0, std::uint64_t id = 1) const;
  void deny(const std::string& source, const std::string& destination, std::uint16_t port, std::uint64_t expires_ns,
            policy::Transport transport = policy::Transport::tcp) const;
  void set_failsafe(const Failsafe& failsafe);  // adds

  [[nodiscard]] std::uint64_t counter(gatehouse_counter counter) const;
  [[nodiscard]] std::vector<deny_event> events();

  Programs programs;
  KernelMaps maps;

 private:
  DenyEvents events_;
  __u32 absent_ = 0;
};

}  // namespace gatehouse::kernel::test
