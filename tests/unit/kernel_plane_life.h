// The data plane's life, looked at from outside: its pins, links, rules and table.
#pragma once

#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "kernel/routes.h"
#include "support/patience.h"
#include "support/process.h"
#include "unit/kernel_plane.h"

namespace gatehouse::kernel::test {

using gatehouse::test::run_command;

inline const std::set<std::string> map_names{"services",       "listeners",    "banned_hosts", "banned_nets",
                                             "banned_devices", "denied_flows", "failsafe",     "mode",
                                             "deny_events",    "counters",     "event_rates"};

class PlaneLife : public testing::Test {
 protected:
  std::set<std::string> pins() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(rig.pin(""))) names.insert(entry.path().filename());
    return names;
  }
  Fd pinned(const std::string& name) const { return Fd(::bpf_obj_get(rig.pin(name).c_str())); }
  std::uint32_t program_of_link(const std::string& name) const {
    return require(link_state(pinned(name).get())).program_id;
  }
  std::uint32_t program_pinned(const std::string& name) const {
    return require(program_identity(pinned(name).get())).id;
  }
  bool has_xdp(const std::string& interface) const {
    return run_command({"ip", "-details", "link", "show", "dev", interface}, {.where = &rig.where})
               .output.find("prog/xdp") != std::string::npos;
  }
  bool is_routed() const {
    const auto options = rig.options();
    return rig.in(
        [&] { return require(policy_route_is_intact({options.mark, options.route_table, options.rule_priority})); });
  }
  bool has_table() const {
    return run_command({"nft", "list", "table", "inet", "gatehouse"}, {.where = &rig.where}).exit_code == 0;
  }
  std::string table() const {
    return run_command({"nft", "list", "table", "inet", "gatehouse"}, {.where = &rig.where}).output;
  }
  // As if a former version's programs were behind the pins.
  void put_foreign_guard() const {
    bpf_insn program[2] = {};
    program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    program[0].imm = XDP_PASS;
    program[1].code = BPF_JMP | BPF_EXIT;
    bpf_prog_load_opts attachable{};
    attachable.sz = sizeof attachable;
    attachable.expected_attach_type = BPF_XDP;  // as libbpf says of guard; a link takes no program of another
    const Fd loaded(::bpf_prog_load(BPF_PROG_TYPE_XDP, "former", "GPL", program, 2, &attachable));
    ASSERT_TRUE(loaded);
    require(replace_program(pinned("link_guard_guard0").get(), loaded.get()));
    ASSERT_EQ(::unlink(rig.pin("prog_guard").c_str()), 0);
    ASSERT_EQ(::bpf_obj_pin(loaded.get(), rig.pin("prog_guard").c_str()), 0);
  }

  const PlaneRig rig;
};

}  // namespace gatehouse::kernel::test
