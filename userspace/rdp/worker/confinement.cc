#include "rdp/worker/confinement.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <memory>

namespace gatehouse::rdp {
namespace {

Result<void> limit(int resource, std::uint64_t value, const char* what) {
  const rlimit wanted{value, value};
  if (::setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted) != 0) {
    return system_failure("the worker's limit of " + std::string(what) + " cannot be set", errno);
  }
  return {};
}

Result<void> become(unsigned uid) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) {
    return system_failure("the worker cannot become uid " + std::to_string(uid), errno);
  }
  return {};
}

Result<void> drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return system_failure("the worker keeps ambient capabilities", errno);
  }
  if (::syscall(SYS_capset, &header, none.data()) != 0) {
    return system_failure("the worker keeps its capabilities", errno);
  }
  return {};
}

// Everything but what makes a way out: sockets other than those it was given, other programs, other processes, the
// kernel's own doors. A refused call fails as if it had no right (EPERM), for libraries try some of them and go on.
Result<void> filter_calls() {
  const std::unique_ptr<void, void (*)(void*)> filter(::seccomp_init(SCMP_ACT_ALLOW), ::seccomp_release);
  if (!filter) return failure("the worker's filter of system calls cannot be made");
  const auto refuse = [&](int call) { return ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0) == 0; };
  bool made = true;
  for (const int call : {SCMP_SYS(connect),
                         SCMP_SYS(bind),
                         SCMP_SYS(listen),
                         SCMP_SYS(accept),
                         SCMP_SYS(accept4),
                         SCMP_SYS(execve),
                         SCMP_SYS(execveat),
                         SCMP_SYS(fork),
                         SCMP_SYS(vfork),
                         SCMP_SYS(ptrace),
                         SCMP_SYS(process_vm_readv),
                         SCMP_SYS(process_vm_writev),
                         SCMP_SYS(kill),
                         SCMP_SYS(tkill),
                         SCMP_SYS(bpf),
                         SCMP_SYS(perf_event_open),
                         SCMP_SYS(userfaultfd),
                         SCMP_SYS(io_uring_setup),
                         SCMP_SYS(mount),
                         SCMP_SYS(umount2),
                         SCMP_SYS(unshare),
                         SCMP_SYS(setns),
                         SCMP_SYS(keyctl),
                         SCMP_SYS(add_key),
                         SCMP_SYS(request_key),
                         SCMP_SYS(init_module),
                         SCMP_SYS(finit_module),
                         SCMP_SYS(kexec_load),
                         SCMP_SYS(pidfd_getfd),
                         SCMP_SYS(chroot),
                         SCMP_SYS(pivot_root)}) {
    made = refuse(call) && made;
  }
  // A thread is a clone too, one that shares the memory: only those. clone3 has its flags in memory, where no filter
  // sees them: as if the kernel had it not, the library then takes clone.
  made = ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 && made;
  const scmp_arg_cmp shares_no_memory{.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_VM, .datum_b = 0};
  made =
      ::seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &shares_no_memory) == 0 && made;
  for (const std::uint64_t family : {AF_INET, AF_INET6, AF_PACKET, AF_NETLINK, AF_UNIX, AF_VSOCK}) {
    const scmp_arg_cmp is_family{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = family, .datum_b = 0};
    made = ::seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, &is_family) == 0 && made;
  }
  if (!made || ::seccomp_load(filter.get()) != 0) return failure("the worker's filter of system calls was not taken");
  return {};
}

}  // namespace

Result<void> confine(const Confinement& wanted) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return system_failure("the worker would outlive its daemon", errno);
  if (auto set = limit(RLIMIT_CORE, 0, "core files"); !set) return set;
  if (auto set = limit(RLIMIT_NOFILE, wanted.descriptors, "descriptors"); !set) return set;
  if (auto set = limit(RLIMIT_CPU, wanted.cpu_seconds, "CPU time"); !set) return set;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which reserve more than any limit
  if (auto set = limit(RLIMIT_DATA, wanted.memory_bytes, "memory"); !set) return set;
#endif
  if (wanted.uid) {
    if (auto done = become(*wanted.uid); !done) return done;
    // The change of the user has taken it away.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return system_failure("the worker would outlive its daemon", errno);
  }
  if (auto dropped = drop_capabilities(); !dropped) return dropped;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_failure("the worker could gain rights", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_failure("the worker's memory stays readable", errno);
  return filter_calls();
}

}  // namespace gatehouse::rdp
