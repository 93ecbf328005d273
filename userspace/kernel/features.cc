// Probing what the BPF side of this kernel can do. Everything is loaded or made and let go again; nothing is attached.
#include "kernel/features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "contract.h"
#include "kernel/nft_probe.h"
#include "kernel/programs.h"

namespace gatehouse::kernel {
namespace {

bool has_trie_batches() {
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = BPF_F_NO_PREALLOC;
  const Fd map(::bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "probe", sizeof(net_key), sizeof(std::uint64_t), 1, &options));
  if (!map) return false;
  net_key key{};
  const std::uint64_t value = 0;
  std::uint32_t count = 1;
  return ::bpf_map_update_batch(map.get(), &key, &value, &count, nullptr) == 0;
}

// A tcx link is asked for on an interface that cannot be: kernels with tcx look for the interface, older ones do not
// know the kind of link.
bool has_tcx() {
  constexpr auto tcx_ingress = static_cast<bpf_attach_type>(46);  // BPF_TCX_INGRESS, 6.6
  constexpr int no_interface = 0x7fffffff;
  bpf_insn program[2] = {};
  program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[1].code = BPF_JMP | BPF_EXIT;
  const Fd loaded(::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "probe", "GPL", program, 2, nullptr));
  if (!loaded) return false;
  const Fd link(::bpf_link_create(loaded.get(), no_interface, tcx_ingress, nullptr));
  return !link && errno == ENODEV;
}

}  // namespace

Features probe_features() {
  route_libbpf_messages();
  Features features;
  utsname name{};
  if (::uname(&name) == 0) features.kernel_release = static_cast<const char*>(name.release);
  features.btf = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  features.sk_lookup = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SK_LOOKUP, nullptr) == 1;
  features.xdp = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, nullptr) == 1;
  features.ring_buffer = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr) == 1;
  features.lpm_batch = has_trie_batches();
  features.tcx = has_tcx();
  const NftFeatures nft = probe_nft();
  features.nft_tproxy = nft.tproxy;
  features.nft_socket = nft.socket;
  features.nft_table_owner = nft.table_owner;
  features.nft_set_timeout_update = nft.set_timeout_update;
  return features;
}

std::vector<Features::Named> Features::table() const {
  return {
      {"btf", btf, "named fields in map dumps"},
      {"sk_lookup", sk_lookup, "steering new connections to the daemon"},
      {"xdp", xdp, "dropping banned sources before the stack"},
      {"ring_buffer", ring_buffer, "reports of what the kernel denied"},
      {"lpm_batch", lpm_batch, "many banned networks at once; without it they go in one by one"},
      {"nft_tproxy", nft_tproxy, "steering where sk_lookup is missing"},
      {"nft_socket", nft_socket, "answers of backends to `source: client`"},
      {"nft_table_owner", nft_table_owner, "a table that nobody else can change; not used yet"},
      {"nft_set_timeout_update", nft_set_timeout_update, "extending set elements in place; not used yet"},
      {"tcx", tcx, "programs at tc without clsact; not used yet"},
  };
}

}  // namespace gatehouse::kernel
