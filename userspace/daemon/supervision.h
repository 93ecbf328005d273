// The daemon's side of its supervisor: readiness, watchdog and kept descriptors by sd_notify(3), inherited listening
// sockets by sd_listen_fds(3), and executing itself anew in place. One way of inheriting serves a restart by an
// operator, an upgrade of the binary, and a restart after a crash (the supervisor keeps the sockets:
// FileDescriptorStoreMax=).
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace gatehouse::daemon {

// The listening sockets that this process was given; empty when none. The environment is cleaned.
Result<std::vector<Fd>> inherited_listeners();

void notify_ready();
void notify_reloading();
void notify_stopping();
void notify_status(const std::string& text);
void notify_watchdog();
// Half the period in which the supervisor wants a sign; nullopt when it wants none.
std::optional<std::chrono::milliseconds> watchdog_interval();
// Gives copies to the supervisor to keep; without one nothing happens.
void keep_listeners(const std::vector<int>& descriptors);
void forget_listeners();

// Signals to stop that this process can no longer follow are kept for the one that it is about to execute: held from
// here on, and taken there as soon as somebody waits for them. pass_on_stop_signal() is for one that had come before.
void hold_stop_signals();
void pass_on_stop_signal();
void take_held_stop_signals();

// Executes `binary` with `arguments` in this process, with these sockets inherited. Returns only on failure;
// descriptors from 3 on are overwritten by then, so that the process can only exit (its supervisor starts it again with
// the sockets it kept).
Error execute_anew(const std::filesystem::path& binary, const std::vector<std::string>& arguments,
                   const std::vector<int>& listeners);

}  // namespace gatehouse::daemon
