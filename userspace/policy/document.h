// The policy as people write it and as the store keeps it: names, not pointers. Text becomes a Document (loader.h), a
// Document becomes a Policy (policy.h); nothing else builds either. Maps are ordered, so that two equal documents
// compare and print equal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "policy/vocabulary.h"

namespace gatehouse::policy {

struct Pool {
  std::vector<Prefix> networks;
  friend bool operator==(const Pool&, const Pool&) = default;
};

struct User {
  bool active = true;
  std::string full_name;
  std::vector<Prefix> sources;  // sorted
  friend bool operator==(const User&, const User&) = default;
};

struct Server {
  bool active = true;
  Address address;
  std::string description;
  friend bool operator==(const Server&, const Server&) = default;
};

struct Service {
  std::string server;
  Address proxy_ip;
  std::uint16_t port = 0;
  Transport transport = Transport::tcp;
  Kind kind = Kind::relay;
  std::string protocol;  // what grants name: "rdp", "ssh", "vnc", ...; the kind's own word unless given
  std::uint16_t backend_port = 0;
  SourceMode source = SourceMode::gateway;
  ProxyProtocol proxy_protocol = ProxyProtocol::off;
  std::optional<Duration> connect_timeout;  // unset: the daemon's default
  std::optional<Duration> idle_timeout;
  friend bool operator==(const Service&, const Service&) = default;
};

struct Grant {
  std::string user;
  std::string server;
  std::string protocol;  // empty: any
  std::optional<WallTime> start;
  std::optional<WallTime> end;  // half-open: [start, end)
  std::string reason;
  friend bool operator==(const Grant&, const Grant&) = default;
};

struct Document {
  std::map<std::string, Pool> pools;
  std::map<std::string, User> users;
  std::map<std::string, Server> servers;
  std::map<std::string, Service> services;
  std::map<std::string, Grant> grants;
  friend bool operator==(const Document&, const Document&) = default;
};

// What an operator is shown before a change: one entry a thing, in the order of Document.
struct Change {
  enum class Verb { add, remove, modify } verb;
  std::string section;               // "users"
  std::string name;                  // "bob"
  std::vector<std::string> details;  // "active: true -> false"
  friend bool operator==(const Change&, const Change&) = default;
};
std::vector<Change> difference(const Document& from, const Document& to);
std::string text_of(const std::vector<Change>& changes);  // "+ users bob\n", "~ ...", "- ..."

// YAML that loads to the same document.
std::string to_yaml(const Document& document);

}  // namespace gatehouse::policy
