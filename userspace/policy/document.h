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
#include "policy/rustdesk_options.h"
#include "policy/schedule.h"
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

// Who is in a group or in one of the groups in it is a member; a user of `groups` as much as one of `users`.
struct UserGroup {
  std::string description;
  std::vector<std::string> users;   // sorted, as all lists of names
  std::vector<std::string> groups;  // that are part of this one
  friend bool operator==(const UserGroup&, const UserGroup&) = default;
};

struct Server {
  bool active = true;
  Address address;
  std::string description;
  // Of sessions of kind rdp.
  CredentialSource credentials = CredentialSource::pass;
  bool allow_tls_backend = false;  // where it refuses NLA
  CertificateCheck backend_certificate = CertificateCheck::trust_on_first_use;
  std::string fingerprint = {};  // of pinned: SHA-256, hexadecimal with colons, small
  std::string ca = {};           // of ca: the path of the authorities' certificates (PEM)
  friend bool operator==(const Server&, const Server&) = default;
};

struct ServerGroup {
  std::string description;
  std::vector<std::string> servers;
  std::vector<std::string> groups;
  friend bool operator==(const ServerGroup&, const ServerGroup&) = default;
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
  std::optional<WallTime> until;  // from then on it is as if it were not there
  DenyMode deny = DenyMode::reset;
  Front front = Front::tls;
  RustDeskOptions rustdesk{};  // of kind rustdesk
  friend bool operator==(const Service&, const Service&) = default;
};

struct Schedule {
  std::string zone;  // IANA
  std::vector<ScheduleRule> rules;
  std::string description;
  friend bool operator==(const Schedule&, const Schedule&) = default;
};

// Of the gate (neither server nor group is named), of a server, or of a group of servers.
struct Maintenance {
  std::string server;
  std::string server_group;
  WallTime start;
  WallTime end;                       // half-open: [start, end)
  Duration grace = Duration::zero();  // so long before the start nobody is let in any more
  std::vector<std::string> exempt_users;
  std::vector<std::string> exempt_user_groups;
  std::string reason;
  [[nodiscard]] bool of_gate() const { return server.empty() && server_group.empty(); }
  friend bool operator==(const Maintenance&, const Maintenance&) = default;
};

// Names exactly one of user and user_group, and exactly one of server, server_group and service.
struct Grant {
  std::string user = {};
  std::string user_group = {};
  std::string server = {};
  std::string server_group = {};
  std::string service = {};
  std::string protocol = {};         // empty: any
  std::vector<Prefix> sources = {};  // sorted; empty: any of the user's
  std::optional<WallTime> start = {};
  std::optional<WallTime> end = {};         // half-open: [start, end)
  std::vector<std::string> schedules = {};  // open while any of them is; empty: always
  std::vector<std::string> logins = {};     // empty: any
  std::optional<Duration> idle_timeout = {};
  std::optional<std::uint32_t> session_limit = {};  // how many sessions the user may have open, over all grants
  bool active = true;                               // false: revoked
  Recording recording = Recording::as_configured;
  Channels channels = 0;
  std::vector<std::string> dynamic_channels = {};  // that pass besides; a * at the end stands for any end
  std::string reason = {};
  friend bool operator==(const Grant&, const Grant&) = default;
};

// What no grant can allow. Where neither user nor group is named it is for everybody, and so on: at least one of all of
// them is named.
struct Denial {
  std::string user = {};
  std::string user_group = {};
  std::string server = {};
  std::string server_group = {};
  std::string service = {};
  std::string protocol = {};
  std::vector<Prefix> sources = {};
  std::optional<WallTime> start = {};
  std::optional<WallTime> end = {};
  std::vector<std::string> schedules = {};
  std::vector<std::string> logins = {};  // only these; holds once the login is known
  std::string reason = {};
  friend bool operator==(const Denial&, const Denial&) = default;
};

struct Document {
  std::map<std::string, Pool> pools;
  std::map<std::string, User> users;
  std::map<std::string, UserGroup> user_groups;
  std::map<std::string, Server> servers;
  std::map<std::string, ServerGroup> server_groups;
  std::map<std::string, Service> services;
  std::map<std::string, Schedule> schedules;
  std::map<std::string, Maintenance> maintenance;
  std::map<std::string, Grant> grants;
  std::map<std::string, Denial> denials;
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
