// The policy compiled for deciding: immutable, indexed, shared by the event loops through shared_ptr<const Policy>.
// Pointers and references into it live as long as it does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "policy/document.h"
#include "policy/flat_index.h"
#include "policy/prefix_map.h"

namespace gatehouse::policy {

struct CompiledUser {
  std::string name;
  bool active = true;
};
struct CompiledServer {
  std::string name;
  bool active = true;
  Address address;
};
struct CompiledService {
  std::uint32_t id = 0;  // stable within one policy only: its index + 1
  std::string name;
  Service spec;
  std::uint32_t server = 0;  // index
};
struct CompiledGrant {
  std::string name;
  std::uint32_t user = 0;    // index
  std::uint32_t server = 0;  // index
  std::string protocol;      // empty: any
  std::optional<WallTime> start;
  std::optional<WallTime> end;
};

// A protocol's number within one policy: equal numbers are equal words.
using ProtocolId = std::uint32_t;
inline constexpr ProtocolId any_protocol = 0;

// What decides about a grant, without its text: small, for it is read on the way of every connection.
struct GrantTerms {
  ProtocolId protocol = any_protocol;
  WallTime start = WallTime::min();
  WallTime end = WallTime::max();  // half-open; max: none

  [[nodiscard]] bool allows(ProtocolId id) const { return protocol == any_protocol || protocol == id; }
};

class Policy {
 public:
  // The document must have come out of load() or the store (valid by construction); `version` is the store's number of
  // it.
  static std::shared_ptr<const Policy> compile(const Document& document, std::uint64_t version);

  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] const Document& document() const { return document_; }
  [[nodiscard]] const std::vector<CompiledService>& services() const { return services_; }
  [[nodiscard]] const std::vector<Prefix>& pools() const { return pools_; }

  struct ServiceMatch {
    const CompiledService* service = nullptr;
    const CompiledServer* server = nullptr;
    std::uint32_t server_index = 0;
    ProtocolId protocol = any_protocol;
    bool server_active = false;
  };
  [[nodiscard]] std::optional<ServiceMatch> match_service(const Address& address, std::uint16_t port,
                                                          Transport transport) const;
  [[nodiscard]] const CompiledService* service_at(const Address& address, std::uint16_t port,
                                                  Transport transport) const;

  struct SourceMatch {
    const CompiledUser* user = nullptr;
    std::uint32_t index = 0;
    bool active = false;
    Prefix source;  // the one that matched; longest prefix wins
  };
  [[nodiscard]] std::optional<SourceMatch> user_at(const Address& source) const;
  [[nodiscard]] const CompiledServer& server(std::uint32_t index) const { return servers_.at(index); }

  // The grants of one user to one server, in the order in which they are tried: latest end first (no end before any),
  // then by name.
  struct Grants {
    std::span<const CompiledGrant> grants;
    std::span<const GrantTerms> terms;        // of the grant at the same place
    std::span<const std::uint32_t> by_start;  // places in the two, by the start

    // Up to when those that allow `protocol` allow it without a gap, from `time` on; `time` itself where none allows it
    // then, nullopt where it never ends.
    [[nodiscard]] std::optional<WallTime> allowed_until(ProtocolId protocol, WallTime time) const;
  };
  [[nodiscard]] Grants grants_of(std::uint32_t user, std::uint32_t server) const;

  // These only start to load what match_service() and user_at(), and then grants_of(), will read: whoever asks several
  // tables thus waits for memory once, not for each.
  void prefetch(const Address& source, const Address& destination, std::uint16_t port, Transport transport) const;
  void prefetch_grants(std::uint32_t user, std::uint32_t server) const { pairs_.prefetch({user, server}); }

 private:
  // The values of the tables: enough of the thing that the thing itself need not be read. The first member is its index
  // + 1.
  struct UserEntry {
    std::uint32_t number = 0;
    bool active = false;
    explicit operator bool() const { return number != 0; }
  };
  struct ServiceEntry {
    std::uint32_t number = 0;
    std::uint32_t server = 0;
    ProtocolId protocol : 31 = any_protocol;
    ProtocolId server_active : 1 = 0;
    explicit operator bool() const { return number != 0; }
  };
  struct GrantsEntry {
    std::uint32_t first = 0;  // in grants_
    std::uint32_t count = 0;
    explicit operator bool() const { return count != 0; }
  };
  struct Pair {
    std::uint32_t user = 0;
    std::uint32_t server = 0;
    friend auto operator<=>(const Pair&, const Pair&) = default;
  };
  struct PairHash {
    std::uint64_t operator()(const Pair& pair) const;
  };
  Policy() = default;
  void compile_users();
  void compile_services();
  void compile_grants();
  ProtocolId protocol_id(const std::string& protocol);

  std::uint64_t version_ = 0;
  Document document_;
  std::vector<Prefix> pools_;
  std::vector<CompiledUser> users_;
  std::vector<CompiledServer> servers_;
  std::vector<CompiledService> services_;
  std::vector<CompiledGrant> grants_;    // those of one pair side by side, in the order in which they are tried
  std::vector<GrantTerms> terms_;        // at the same places
  std::vector<std::uint32_t> by_start_;  // at the same places, counted from the first of the pair
  std::map<std::string, ProtocolId> protocols_;
  PrefixMap<UserEntry> sources_;
  FlatIndex<Endpoint, ServiceEntry> tcp_services_;
  FlatIndex<Endpoint, ServiceEntry> udp_services_;
  FlatIndex<Pair, GrantsEntry, PairHash> pairs_;
};

}  // namespace gatehouse::policy
