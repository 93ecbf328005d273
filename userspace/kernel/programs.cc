#include "kernel/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "guard.skel.h"
#include "steer.skel.h"

namespace gatehouse::kernel {
namespace {

template <auto Destroy>
struct Destroyer {
  template <typename Skeleton>
  void operator()(Skeleton* skeleton) const {
    Destroy(skeleton);
  }
};
using Guard = std::unique_ptr<guard_bpf, Destroyer<guard_bpf::destroy>>;
using Steer = std::unique_ptr<steer_bpf, Destroyer<steer_bpf::destroy>>;

constexpr const char* load_mend =
    "run with CAP_BPF and CAP_NET_ADMIN on a kernel of 5.10 or later; "
    "`gatehouse doctor` says what is missing";

Result<Fd> duplicate(int descriptor, const std::string& what) {
  Fd copy(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!copy) return system_failure("no descriptor for " + what, errno);
  return copy;
}

Result<void> reuse(bpf_map* map, int descriptor) {
  const std::string name = bpf_map__name(map);
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(descriptor, &info, &size) != 0)
    return system_failure("the kernel map " + name + " cannot be looked at", errno);
  if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
      info.value_size != bpf_map__value_size(map) || info.max_entries != bpf_map__max_entries(map) ||
      info.map_flags != bpf_map__map_flags(map)) {
    return failure("the kernel map " + name + " has another shape than this version's");
  }
  if (const int error = bpf_map__reuse_fd(map, descriptor); error != 0)
    return system_failure("the kernel map " + name + " cannot be taken over", -error);
  return {};
}

Result<void> reuse_all(bpf_object* object, const MapDescriptors& existing) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const auto found = existing.find(bpf_map__name(map));
    if (found == existing.end()) continue;
    if (auto reused = reuse(map, found->second.get()); !reused) return reused;
  }
  return {};
}

Result<MapDescriptors> maps_of(bpf_object* object) {
  MapDescriptors maps;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    // The constants of a program are a map of its own, with a name that cannot be pinned, and concern nobody else.
    if (bpf_map__is_internal(map)) continue;
    const std::string name = bpf_map__name(map);
    auto descriptor = duplicate(bpf_map__fd(map), "the kernel map " + name);
    if (!descriptor) return std::unexpected(descriptor.error());
    maps.emplace(name, std::move(*descriptor));
  }
  return maps;
}

std::unexpected<Error> not_attached(const std::string& interface, int error_number) {
  const std::string what = "guard cannot be attached to the interface " + interface;
  switch (error_number) {
    case EBUSY:
    case EEXIST:
      return system_failure(what + ": another XDP program is there", error_number,
                            "look with `ip link show dev " + interface + "`, remove it with `ip link set dev " +
                                interface + " xdp off`, or leave the interface out");
    case EOPNOTSUPP:
      return system_failure(what, error_number, "set `xdp: generic` (or automatic)");
    default:
      return system_failure(what, error_number, "set `xdp: generic`, or `xdp: off` to go without");
  }
}

int print_message(libbpf_print_level level, const char* format, va_list arguments) {
  static_cast<void>(level);
  // The verifier says why it refuses at the very end of a long text: all of it is kept.
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return length;
  std::string text(static_cast<std::size_t>(length) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string_view message(text.data(), static_cast<std::size_t>(length));
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  spdlog::debug("{}", message);
  return length;
}

}  // namespace

void route_libbpf_messages() {
  libbpf_set_print(print_message);
}

Result<Programs> load_programs(const MapDescriptors& existing, bool with_steer) {
  Programs programs;
  const Guard guard(guard_bpf::open());
  if (!guard) return system_failure("the BPF program guard cannot be opened", errno);
  if (auto reused = reuse_all(guard->obj, existing); !reused) return std::unexpected(reused.error());
  if (const int error = guard_bpf::load(guard.get()); error != 0)
    return system_failure("the kernel refused the BPF program guard", -error, load_mend);
  auto maps = maps_of(guard->obj);
  if (!maps) return std::unexpected(maps.error());
  programs.maps = std::move(*maps);
  auto guard_descriptor = duplicate(bpf_program__fd(guard->progs.guard), "the BPF program guard");
  if (!guard_descriptor) return std::unexpected(guard_descriptor.error());
  programs.guard = std::move(*guard_descriptor);
  if (!with_steer) return programs;

  const Steer steer(steer_bpf::open());
  if (!steer) return system_failure("the BPF program steer cannot be opened", errno);
  if (auto reused = reuse_all(steer->obj, programs.maps); !reused) return std::unexpected(reused.error());
  if (const int error = steer_bpf::load(steer.get()); error != 0)
    return system_failure("the kernel refused the BPF program steer", -error, load_mend);
  auto steer_descriptor = duplicate(bpf_program__fd(steer->progs.steer), "the BPF program steer");
  if (!steer_descriptor) return std::unexpected(steer_descriptor.error());
  programs.steer = std::move(*steer_descriptor);
  return programs;
}

Result<std::uint32_t> pinned_schema(int mode_map) {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(mode_map, &info, &size) != 0)
    return system_failure("the kernel map mode cannot be looked at", errno);
  std::uint32_t schema = 0;
  std::vector<std::uint8_t> cell(std::max<std::size_t>(info.value_size, sizeof schema));
  const std::uint32_t first = 0;
  if (::bpf_map_lookup_elem(mode_map, &first, cell.data()) != 0)
    return system_failure("the kernel map mode cannot be read", errno);
  // The schema is the first word in every version.
  std::memcpy(&schema, cell.data(), sizeof schema);
  return schema;
}

Result<ProgramIdentity> program_identity(int program) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(program, &info, &size) != 0)
    return system_failure("a BPF program cannot be looked at", errno);
  ProgramIdentity identity;
  static_assert(sizeof info.tag == sizeof identity.tag);
  std::memcpy(identity.tag.data(), info.tag, sizeof info.tag);
  identity.id = info.id;
  return identity;
}

Result<LinkState> link_state(int link) {
  bpf_link_info info{};
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(link, &info, &size) != 0) return system_failure("a BPF link cannot be looked at", errno);
  LinkState state;
  state.program_id = info.prog_id;
  if (info.type == BPF_LINK_TYPE_XDP) state.interface_index = info.xdp.ifindex;
  if (info.type == BPF_LINK_TYPE_NETNS) state.network_namespace = info.netns.netns_ino;
  return state;
}

Result<std::uint64_t> own_network_namespace() {
  struct stat file{};
  if (::stat("/proc/thread-self/ns/net", &file) != 0)
    return system_failure("the own network namespace cannot be looked at", errno, "mount /proc");
  return file.st_ino;
}

Result<Fd> attach_steer(int program) {
  const Fd network(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!network) return system_failure("the own network namespace cannot be opened", errno, "mount /proc");
  Fd link(::bpf_link_create(program, network.get(), BPF_SK_LOOKUP, nullptr));
  if (!link) return system_failure("steer cannot be attached to the network namespace", errno);
  return link;
}

Result<GuardLink> attach_guard(int program, const std::string& interface, XdpMode mode) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0)
    return failure("the interface " + interface + " does not exist",
                   "correct the name, or make the interface before the daemon starts");
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  if (mode != XdpMode::generic) {
    options.flags = XDP_FLAGS_DRV_MODE;
    Fd link(::bpf_link_create(program, static_cast<int>(index), BPF_XDP, &options));
    if (link) return GuardLink{std::move(link), "native"};
    const int error_number = errno;
    if (mode == XdpMode::native || error_number == EBUSY || error_number == EEXIST)
      return not_attached(interface, error_number);
    spdlog::info("the driver of {} takes no XDP program ({}); guard is attached in generic mode", interface,
                 std::strerror(error_number));
  }
  options.flags = XDP_FLAGS_SKB_MODE;
  Fd link(::bpf_link_create(program, static_cast<int>(index), BPF_XDP, &options));
  if (!link) return not_attached(interface, errno);
  return GuardLink{std::move(link), "generic"};
}

std::string guard_mode(std::uint32_t interface_index) {
  bpf_xdp_query_opts about{};
  about.sz = sizeof about;
  if (::bpf_xdp_query(static_cast<int>(interface_index), 0, &about) != 0) return {};
  switch (about.attach_mode) {
    case XDP_ATTACHED_DRV:
      return "native";
    case XDP_ATTACHED_SKB:
      return "generic";
    default:
      return {};
  }
}

Result<void> replace_program(int link, int program) {
  if (::bpf_link_update(link, program, nullptr) != 0)
    return system_failure("the program of a BPF link cannot be replaced", errno);
  return {};
}

}  // namespace gatehouse::kernel
