// What passes between RustDesk clients and their servers is judged here: one thread that owns what is known of devices
// (rustdesk/inspector.h) and the datagrams of all services of kind rustdesk; connections over TCP and WebSocket, which
// the loops carry, ask it message by message.
//
// Datagrams: what a client sends is judged by the policy as a connection would be (its source needs a grant), then as a
// message; it goes on to the server with the client's own address and port, and what the server sends comes the same
// way back and leaves under the proxy IP. Without this thread nothing passes.
//
// Threads: start() and the calls named so from control; judge() and left() from any loop. The store and the data plane
// outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "kernel/dataplane.h"
#include "policy/engine.h"
#include "policy/service_ports.h"
#include "relay/loop.h"
#include "rustdesk/bytes.h"
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
  bool secured = false;  // it came encrypted to the gateway
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

}  // namespace gatehouse::gate
