// The BPF objects inside the binary: loading them, with maps that exist already or new ones, and attaching what was
// loaded.
//
// Ownership: every descriptor is an Fd; a link detaches when its last descriptor and its pin are gone. Threads: control
// thread. Capabilities: CAP_BPF and CAP_NET_ADMIN. Nothing is looked up by id, for that would need CAP_SYS_ADMIN.
// Facts: bpf(2); include/uapi/linux/bpf.h (bpf_prog_info, bpf_map_info, bpf_link_info); reference of libbpf 1.1.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/dataplane.h"

namespace gatehouse::kernel {

using MapDescriptors = std::map<std::string, Fd>;  // by the contract's names

struct Programs {
  Fd guard;
  Fd steer;  // only where it was asked for
  MapDescriptors maps;
};

// Loads guard, and steer if `with_steer`. Maps of `existing` are used as they are, the others are made; one of another
// shape is an error.
Result<Programs> load_programs(const MapDescriptors& existing, bool with_steer);

// What the mode cell of a pinned `mode` map says, whatever else its layout is.
Result<std::uint32_t> pinned_schema(int mode_map);

struct ProgramIdentity {
  std::array<std::uint8_t, 8> tag{};  // a digest of the program's instructions
  std::uint32_t id = 0;
};
Result<ProgramIdentity> program_identity(int program);

struct LinkState {
  std::uint32_t program_id = 0;
  std::uint32_t interface_index = 0;    // of a guard; 0 once the interface is gone
  std::uint64_t network_namespace = 0;  // inode of a steer's; 0 once it is gone
};
Result<LinkState> link_state(int link);

// To the network namespace of the calling thread.
Result<Fd> attach_steer(int program);
Result<std::uint64_t> own_network_namespace();

struct GuardLink {
  Fd link;
  std::string mode;  // "native", "generic"
};
Result<GuardLink> attach_guard(int program, const std::string& interface, XdpMode mode);
// "native" or "generic", as the interface says it; empty where no program is attached.
std::string guard_mode(std::uint32_t interface_index);

Result<void> replace_program(int link, int program);

// Sends libbpf's own messages to the log, at debug level.
void route_libbpf_messages();

}  // namespace gatehouse::kernel
