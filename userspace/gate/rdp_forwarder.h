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

#include "gate/explanations.h"
#include "gate/forwarder.h"
#include "gate/handshake_limit.h"
#include "gate/reconnect_book.h"
#include "policy/engine.h"
#include "rdp/authority.h"
#include "rdp/control_message.h"
#include "rdp/credential_vault.h"
#include "rdp/front_certificates.h"
#include "rdp/recording_key.h"
#include "rdp/trusted_backends.h"
#include "rdp/worker_pool.h"

namespace gatehouse::gate {

struct RdpServices {
  std::unique_ptr<rdp::Authority> authority;
  std::unique_ptr<rdp::TrustedBackends> backends;
  std::unique_ptr<rdp::WorkerPool> workers;
  HandshakeLimit handshakes;
  std::unique_ptr<rdp::FrontCertificates> certificates;
  std::unique_ptr<rdp::CredentialVault> vault;
  // From an event loop, of servers whose certificate is pinned or verified: why it is not right, or that it is.
  std::function<void(const std::string& server, const std::optional<std::string>& fault)> backend_judged;
  rdp::Security backend_security = rdp::Security::nla;
  rdp::Detail clipboard_text = rdp::Detail::outline;
  bool keep_files = false;  // in recordings
  rdp::Detail keys = rdp::Detail::off;
  std::filesystem::path recordings;              // a directory in it for each session; empty: nothing is recorded
  std::optional<rdp::SigningKey> recording_key;  // the gateway's own, which vouches for the key of each recording
  policy::Recording recording = policy::Recording::required;  // where a grant does not say
  std::optional<unsigned> recorder_uid;                       // whose directories they are: the workers'
  // From an event loop: that a session's recording failed (and why), or is whole.
  std::function<void(std::uint64_t session, const std::string& fault)> recording_ended;
  // The same, of a connection that became no session: its recording shows nothing and goes.
  std::function<void(std::uint64_t session)> recording_discarded;
  ReconnectBook reconnects;
  Explanations explanations;
};

// That a connection becomes a session, or goes on with one: asked for when client and backend are both ready.
struct RdpActivation {
  enum class State { waiting, open, refused } state = State::waiting;
  std::uint64_t session = 0;
  unsigned connection = 1;       // of the session
  rdp::ReconnectCookie cookie;   // for the client
  std::uint32_t error_info = 0;  // why it was refused
  relay::Timer* signal = nullptr;

  void settle(State outcome) {
    state = outcome;
    if (signal != nullptr) signal->cancel();
  }
};

// Of one connection. The functions are called on the loop's thread.
struct RdpTerms {
  std::uint64_t session = 0;
  std::string service = {};
  std::string server = {};
  policy::Channels channels = 0;
  policy::Front front = policy::Front::tls;
  std::string user = {};       // of the policy
  policy::Server target = {};  // the server as the policy has it
  // The decision, now that it is known as whom the server is to be logged in to.
  std::function<policy::Decision(const std::string& login, const std::string& domain)> judge_login = {};
  std::string grant = {};
  policy::Recording recording = policy::Recording::off;
  std::vector<std::string> dynamic_channels = {};
  // A row of the audit about this session.
  std::function<void(std::string action, std::string detail)> note = {};
  std::function<std::optional<ReconnectBook::Claim>(const rdp::ReconnectProof&)> claim = {};
  std::function<void(std::optional<std::uint64_t> continued, std::shared_ptr<RdpActivation>)> activate = {};
  std::uint32_t refusal = 0;  // error information: who comes is only told why not, and the rest does not count
};

std::unique_ptr<Forwarder> make_rdp_forwarder(RdpServices& services, relay::Socket client, relay::RelayOptions options,
                                              RdpTerms terms);

}  // namespace gatehouse::gate
