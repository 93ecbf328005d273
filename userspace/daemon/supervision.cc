#include "daemon/supervision.h"

#include <fcntl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>

namespace gatehouse::daemon {
namespace {

constexpr const char* listener_name = "gatehouse-listener";

}  // namespace

Result<std::vector<Fd>> inherited_listeners() {
  std::vector<Fd> listeners;
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &names);
  if (count < 0) return system_failure("reading LISTEN_FDS", -count, "start the daemon without it");
  for (int i = 0; i < count; ++i) {
    Fd descriptor(SD_LISTEN_FDS_START + i);
    const std::string name = names[i];
    ::free(names[i]);
    // A later version may keep descriptors of other kinds there: what is not ours to know is closed.
    if (name != listener_name) continue;
    ::fcntl(descriptor.get(), F_SETFD, FD_CLOEXEC);
    listeners.push_back(std::move(descriptor));
  }
  ::free(static_cast<void*>(names));
  return listeners;
}

void notify_ready() {
  ::sd_notify(0, "READY=1");
}
void notify_reloading() {
  timespec ts{};
  ::clock_gettime(CLOCK_MONOTONIC, &ts);
  const auto microseconds = std::int64_t{ts.tv_sec} * 1'000'000 + ts.tv_nsec / 1000;
  ::sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}
void notify_stopping() {
  ::sd_notify(0, "STOPPING=1");
}
void notify_status(const std::string& text) {
  ::sd_notify(0, ("STATUS=" + text).c_str());
}
void notify_watchdog() {
  ::sd_notify(0, "WATCHDOG=1");
}

std::optional<std::chrono::milliseconds> watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return std::chrono::milliseconds(microseconds / 2000);
}

void keep_listeners(const std::vector<int>& descriptors) {
  forget_listeners();
  const auto state = std::string("FDSTORE=1\nFDNAME=") + listener_name;
  ::sd_pid_notify_with_fds(0, 0, state.c_str(), descriptors.data(), static_cast<unsigned>(descriptors.size()));
}

void forget_listeners() {
  ::sd_notify(0, (std::string("FDSTOREREMOVE=1\nFDNAME=") + listener_name).c_str());
}

namespace {

void set_stop_signals(int how) {
  sigset_t stop{};
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::sigaddset(&stop, SIGINT);
  ::pthread_sigmask(how, &stop, nullptr);
}

}  // namespace

void hold_stop_signals() {
  // Pending and blocked signals both outlive execve(2); handlers do not.
  set_stop_signals(SIG_BLOCK);
}

void pass_on_stop_signal() {
  ::kill(::getpid(), SIGTERM);
}

void take_held_stop_signals() {
  set_stop_signals(SIG_UNBLOCK);
}

Error execute_anew(const std::filesystem::path& binary, const std::vector<std::string>& arguments,
                   const std::vector<int>& listeners) {
  // The places from SD_LISTEN_FDS_START on are overwritten; so the sockets are first copied beyond them.
  const int beyond = SD_LISTEN_FDS_START + static_cast<int>(listeners.size());
  std::vector<Fd> copies;
  std::string names;
  for (const int listener : listeners) {
    Fd copy(::fcntl(listener, F_DUPFD_CLOEXEC, beyond));
    if (!copy) return system_failure("duplicating a listening socket", errno).error();
    copies.push_back(std::move(copy));
    names += (names.empty() ? "" : ":") + std::string(listener_name);
  }
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (::dup2(copies[i].get(), SD_LISTEN_FDS_START + static_cast<int>(i)) < 0)
      return system_failure("placing a listening socket", errno).error();
  }
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", std::to_string(listeners.size()).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names.c_str(), 1);
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execv(binary.c_str(), words.data());
  return system_failure("executing " + binary.string(), errno,
                        "check the binary; the supervisor starts the daemon again")
      .error();
}

}  // namespace gatehouse::daemon
