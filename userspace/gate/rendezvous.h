// What passes between RustDesk clients and their servers is judged here: one thread that owns what is known of devices
// (rustdesk/inspector.h) and the datagrams of all services of kind rustdesk; connections over TCP and WebSocket, which
// the loops carry, ask it message by message.
//
// Datagrams: what a client sends is judged by the policy as a connection would be (its source needs a grant), then as a
// message; it goes on to the server with the client's own address and port, and what the server sends comes the same
// way back and leaves under the proxy IP. Without this thread nothing passes.
//
// Its parts: rendezvous.cc (life, changes, what is judged), rendezvous_datagrams.cc.
//
// Threads: start() and the calls named so from control; judge() and left() from any loop. The store and the data plane
// outlive it.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "gate/handshake_limit.h"
#include "gate/server_keys.h"
#include "kernel/dataplane.h"
#include "policy/engine.h"
#include "policy/service_ports.h"
#include "relay/datagrams.h"
#include "relay/loop.h"
#include "rustdesk/bytes.h"
#include "rustdesk/findings.h"
#include "rustdesk/inspector.h"
#include "rustdesk/refusals.h"
#include "store/store.h"

namespace gatehouse::gate {

using relay::Task;

// One message of a connection.
struct DeviceMessage {
  std::string service;
  Endpoint client;
  std::uint64_t session = 0;
  policy::RustDeskPort port = policy::RustDeskPort::signal;
  bool from_server = false;
  rustdesk::Buffer bytes{};
};

struct DeviceVerdict {
  enum class What : std::uint8_t {
    pass,    // `bytes` go on: the message, or what was made of it
    answer,  // `bytes` go back to who sent the message, and the connection ends
    reply,   // `bytes` go back, and the connection goes on
    drop,    // the message alone
    close,
  };
  What what = What::close;
  rustdesk::Buffer bytes{};
  std::string detail{};  // why, for the session's end
};

// What a change of bans or policy means for what is live.
struct DeviceConsequences {
  std::vector<std::uint64_t> sessions{};   // relays that are to end
  kernel::DeviceBanChanges kernel_bans{};  // since they were told last; at first: all
};

// The slot of the datagram sockets among the listeners (kernel/dataplane.h); the connections' own is 0.
inline constexpr std::uint32_t datagram_slot = 2;

// Of connections that have not said anything, so that they leave room for the others.
inline constexpr std::size_t most_silent = 4096;
inline constexpr std::size_t most_silent_of_a_source = 512;

struct RendezvousCounters {
  std::uint64_t datagrams = 0;  // that came to the daemon, from clients and servers
  std::uint64_t datagrams_passed = 0;
  std::uint64_t datagrams_denied = 0;  // by the policy
  std::uint64_t unreadable = 0;        // messages
  std::uint64_t unwritten = 0;         // messages that did not pass because their row could not be written
  std::uint64_t unsent = 0;            // datagrams that the kernel did not take
  std::size_t devices = 0;
  std::size_t relay_tickets = 0;
  rustdesk::Counters judged{};
};

class Rendezvous {
 public:
  // `port`: of the gate's listening sockets. Nothing comes before the listener is steered to.
  // `deny_ttl`: of the verdicts on sources that may not send datagrams.
  static Result<std::shared_ptr<Rendezvous>> start(std::uint16_t port, Duration deny_ttl,
                                                   const policy::Snapshot& snapshot, store::Store& store,
                                                   kernel::Dataplane& dataplane);
  ~Rendezvous();  // stop()
  Rendezvous(const Rendezvous&) = delete;
  Rendezvous& operator=(const Rendezvous&) = delete;

  // ---- control
  [[nodiscard]] kernel::ListenerPair listener() const;
  DeviceConsequences publish(const policy::Snapshot& snapshot);
  // The kernel dropped a heartbeat of this device.
  void saw_dropped(const Endpoint& source, std::string id);
  // Runs `work(Inspector&)` on the thread of this and returns what it returned.
  template <typename Work>
  auto ask(Work work) -> std::invoke_result_t<Work, rustdesk::Inspector&> {
    std::packaged_task<std::invoke_result_t<Work, rustdesk::Inspector&>()> task(
        [this, &work] { return work(inspector_); });
    auto answer = task.get_future();
    boost::asio::post(context_, [&task] { task(); });
    return answer.get();
  }
  // What has come about since publish() or the last call: ids that a banned machine took, bans that ended.
  DeviceConsequences follow();
  // Devices that changed since the last call, for the store; also after stop().
  std::vector<rustdesk::DeviceEntry> take_changed(std::size_t at_most);
  [[nodiscard]] RendezvousCounters counters();
  void set_deny_ttl(Duration deny_ttl);
  void stop();  // nothing is judged afterwards

  // ---- any loop
  // `message` is of a live session. The answer comes on the loop of the caller.
  Task<DeviceVerdict> judge(DeviceMessage message);
  void left(std::uint64_t session);
  // Connections whose first message has not come: in all, and of one source.
  HandshakeLimit& silent_connections() { return silent_; }
  // Of services with secure_tcp: terminate.
  [[nodiscard]] const ServerKeys& server_keys() const { return keys_; }

 private:
  struct Service {
    rustdesk::ServiceId id = 0;
    std::string name;
    Endpoint proxy;  // the signal port
    Endpoint server;
    policy::RustDeskOptions options;
  };
  using Descriptor = boost::asio::posix::basic_stream_descriptor<relay::LoopExecutor>;

  Rendezvous(relay::Datagrams datagrams, Duration deny_ttl, const policy::Snapshot& snapshot, store::Store& store,
             kernel::Dataplane& dataplane);
  void run();
  void take_snapshot(const policy::Snapshot& snapshot);
  DeviceConsequences consequences(bool bans_changed);
  Task<void> receive_from(Descriptor& descriptor);
  void take_datagram(const Endpoint& from, const Endpoint& to, rustdesk::Bytes bytes);
  void take_from_client(const Service& service, const Endpoint& client, rustdesk::Bytes bytes);
  void take_from_server(const Service& service, const Endpoint& client, rustdesk::Bytes bytes);
  bool is_admitted(const Service& service, const Endpoint& client);
  bool may_record();  // of this second's rows
  void send(const Endpoint& from, const Endpoint& to, rustdesk::Bytes bytes);
  std::optional<rustdesk::Judgement> judge_bytes(const rustdesk::Context& context, const Service& service,
                                                 std::uint64_t session, rustdesk::Bytes bytes);
  Task<DeviceVerdict> judge_there(DeviceMessage message);  // on the thread of this
  DeviceVerdict judge_here(DeviceMessage message);
  bool record(const Service* service, std::uint64_t session, const rustdesk::Finding& finding);
  kernel::DeviceBanChanges kernel_changes();

  policy::Snapshot snapshot_;
  store::Store& store_;
  kernel::Dataplane& dataplane_;
  relay::Datagrams datagrams_;
  Duration deny_ttl_;
  rustdesk::Inspector inspector_;
  std::unordered_map<std::string, Service> services_;         // by name
  std::unordered_map<std::string, rustdesk::ServiceId> ids_;  // of all that there ever were: tickets outlive a policy
  std::unordered_map<Endpoint, const Service*> by_proxy_;
  std::unordered_map<Endpoint, const Service*> by_server_;
  HandshakeLimit silent_{most_silent, most_silent_of_a_source};
  ServerKeys keys_;
  std::unordered_set<Endpoint> to_ask_;  // for uuid and key, with the server's next answer
  const rustdesk::Buffer question_ = rustdesk::heartbeat_answered(true);
  RendezvousCounters counters_;
  std::uint64_t recorded_ = 0;  // rows of datagrams, in this second
  WallTime second_{};
  std::uint64_t bans_version_ = 0;  // of the device table, when the kernel's bans were worked out
  // What they were worked out from: bans, and the ids that are dropped beyond those.
  std::shared_ptr<const policy::BanTable> told_bans_;
  std::unordered_map<std::string, kernel::DeviceBan> told_dropped_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<relay::LoopExecutor> work_;
  std::vector<std::unique_ptr<Descriptor>> descriptors_;
  std::thread thread_;
};

}  // namespace gatehouse::gate
