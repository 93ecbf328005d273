// An RDP session through a worker of its own (rdp/): this hands it the client's socket, dials the backend when the
// worker knows who has logged in, answers what it asks, and ends it. Not a byte of the session passes through here.
//
// Threads: as every forwarder. What is shared by all of them is in RdpServices, which outlives the loops.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gate/forwarder.h"
#include "rdp/authority.h"
#include "rdp/control_message.h"
#include "rdp/trusted_backends.h"
#include "rdp/worker_pool.h"

namespace gatehouse::gate {

struct RdpServices {
  std::unique_ptr<rdp::Authority> authority;
  std::unique_ptr<rdp::TrustedBackends> backends;
  std::unique_ptr<rdp::WorkerPool> workers;
  rdp::Security backend_security = rdp::Security::nla;
  rdp::Detail clipboard_text = rdp::Detail::outline;
  rdp::Detail keys = rdp::Detail::off;
  std::filesystem::path recordings;      // a directory in it for each session; empty: nothing is recorded
  bool recording_is_required = true;     // a session that cannot be recorded (any more) ends
  std::optional<unsigned> recorder_uid;  // whose directories they are: the workers'
  // From an event loop: that a session's recording failed (and why), or is whole.
  std::function<void(std::uint64_t session, const std::string& fault)> recording_ended;
};

// Of one session.
struct RdpTerms {
  std::uint64_t session = 0;
  std::string service;
  std::string server;
  policy::Channels channels = 0;
  std::vector<std::string> dynamic_channels;
  bool record = false;
  // A row of the audit about this session.
  std::function<void(std::string action, std::string detail)> note;
};

std::unique_ptr<Forwarder> make_rdp_forwarder(RdpServices& services, relay::Socket client, relay::RelayOptions options,
                                              RdpTerms terms);

}  // namespace gatehouse::gate
