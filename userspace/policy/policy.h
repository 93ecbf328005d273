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
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "policy/document.h"
#include "policy/flat_index.h"
#include "policy/groups.h"
#include "policy/maintenance.h"
#include "policy/prefix_map.h"
#include "policy/rule_table.h"
#include "policy/rules.h"

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
  const Grant* spec = nullptr;  // in the policy's document
};
struct CompiledDenial {
  std::string name;
  const Denial* spec = nullptr;
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
    bool ends = false;         // the service has an `until`
    bool maintained = false;   // the server has maintenance
    bool more_grants = false;  // RuleTable::service_has_more
    bool more_denials = false;
    std::uint32_t service_index = 0;
  };
  [[nodiscard]] std::optional<ServiceMatch> match_service(const Address& address, std::uint16_t port,
                                                          Transport transport) const;
  [[nodiscard]] const CompiledService* service_at(const Address& address, std::uint16_t port,
                                                  Transport transport) const;

  struct SourceMatch {
    const CompiledUser* user = nullptr;
    std::uint32_t index = 0;
    bool active = false;
    bool more_grants = false;  // RuleTable::user_has_more
    bool more_denials = false;
    Prefix source;  // the one that matched; longest prefix wins
  };
  [[nodiscard]] std::optional<SourceMatch> user_at(const Address& source) const;
  // The user of this name, as though the source were theirs alone.
  [[nodiscard]] std::optional<SourceMatch> user_named(std::string_view name, const Address& source) const;
  [[nodiscard]] const CompiledServer& server(std::uint32_t index) const { return servers_.at(index); }

  [[nodiscard]] const Conditions& conditions() const { return conditions_; }
  // Some grant has a session limit: decisions depend on how many sessions a user has.
  [[nodiscard]] bool limits_sessions() const { return limits_sessions_; }
  [[nodiscard]] const MaintenanceTable& maintenance() const { return maintenance_; }
  [[nodiscard]] const RuleTable& grants() const { return grant_table_; }
  [[nodiscard]] const RuleTable& denials() const { return denial_table_; }
  // By the number that the tables give.
  [[nodiscard]] const CompiledGrant& grant(std::uint32_t rule) const { return grants_[rule]; }
  [[nodiscard]] const CompiledDenial& denial(std::uint32_t rule) const { return denials_[rule]; }

  // These only start to load what match_service() and user_at(), and then the tables of rules, will read: whoever asks
  // several tables thus waits for memory once, not for each.
  void prefetch(const Address& source, const Address& destination, std::uint16_t port, Transport transport) const;
  void prefetch_rules(std::uint32_t user, std::uint32_t server) const {
    grant_table_.prefetch(user, server);
    if (!denial_table_.empty()) denial_table_.prefetch(user, server);
  }

 private:
  // The values of the tables: enough of the thing that the thing itself need not be read. The first member is its index
  // + 1.
  struct UserEntry {
    std::uint32_t number = 0;
    bool active = false;
    bool more_grants = false;
    bool more_denials = false;
    explicit operator bool() const { return number != 0; }
  };
  struct ServiceEntry {
    std::uint32_t number = 0;
    std::uint32_t server = 0;
    ProtocolId protocol : 27 = any_protocol;
    ProtocolId ends : 1 = 0;
    ProtocolId server_active : 1 = 0;
    ProtocolId maintained : 1 = 0;
    ProtocolId more_grants : 1 = 0;
    ProtocolId more_denials : 1 = 0;
    explicit operator bool() const { return number != 0; }
  };
  using Indexes = std::unordered_map<std::string_view, std::uint32_t>;
  explicit Policy(const Document& document);
  void compile_users();
  void compile_servers();
  void compile_services();
  void compile_maintenance();
  void compile_rules();
  template <typename Rule, typename Compiled>
  RuleTable compile_table(const std::map<std::string, Rule>& rules, const RuleTable::Spread& spread,
                          std::vector<Compiled>& compiled);
  template <typename Rule>
  [[nodiscard]] SubjectId subject_of(const Rule& rule) const;
  template <typename Rule>
  [[nodiscard]] TargetId target_of(const Rule& rule) const;
  ProtocolId protocol_id(const std::string& protocol);

  std::uint64_t version_ = 0;
  Document document_;
  std::vector<Prefix> pools_;
  std::vector<CompiledUser> users_;
  std::vector<CompiledServer> servers_;
  std::vector<CompiledService> services_;
  std::vector<CompiledGrant> grants_;  // at the places of the tables
  std::vector<CompiledDenial> denials_;
  Indexes user_indexes_;
  Indexes server_indexes_;
  Indexes service_indexes_;
  Groups user_groups_;
  Groups server_groups_;
  Conditions conditions_;
  MaintenanceTable maintenance_;
  RuleTable grant_table_;
  RuleTable denial_table_;
  std::map<std::string, ProtocolId> protocols_;
  bool limits_sessions_ = false;
  PrefixMap<UserEntry> sources_;
  FlatIndex<Endpoint, ServiceEntry> tcp_services_;
  FlatIndex<Endpoint, ServiceEntry> udp_services_;
};

}  // namespace gatehouse::policy
