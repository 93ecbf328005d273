#include <cctype>
#include <chrono>
#include <optional>

#include "policy/document_fields.h"
#include "policy/loader_draft.h"

namespace gatehouse::policy {
namespace {

constexpr Duration longest_connect_timeout = std::chrono::hours(1);
constexpr Duration longest_idle_timeout = std::chrono::weeks(52);

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 63 || std::isalnum(static_cast<unsigned char>(text.front())) == 0) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '@' || c == '-';
  });
}

Result<std::string> parse_protocol(std::string_view text) {
  const bool well_formed = text.size() <= 32 && text.front() >= 'a' && text.front() <= 'z' &&
                           std::all_of(text.begin(), text.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                           });
  if (!well_formed) {
    return failure("'" + std::string(text) + "' is not the name of a protocol",
                   "write a word of at most 32 lower-case letters, digits and '-', like rdp, ssh or vnc");
  }
  return std::string(text);
}

Result<Kind> parse_kind(std::string_view text) {
  const auto kind = kind_of(text);
  if (!kind) return failure("'" + std::string(text) + "' is not a kind of service", "write rdp or relay");
  if (*kind == Kind::rustdesk) return failure("kind rustdesk is not available in this version", "write rdp or relay");
  return *kind;
}

Result<SourceMode> parse_source_mode(std::string_view text) {
  if (const auto mode = source_mode_of(text)) return *mode;
  return failure("'" + std::string(text) + "' is not a source", "write gateway or client");
}

Result<ProxyProtocol> parse_proxy_protocol(std::string_view text) {
  if (const auto version = proxy_protocol_of(text)) return *version;
  return failure("'" + std::string(text) + "' is not a version of the PROXY protocol", "write off or v2");
}

Result<WallTime> parse_policy_time(std::string_view text) {
  auto time = parse_time(text);
  if (!time) return time;
  // Beyond these the year no longer has four digits, so that the time could be printed but not be read again.
  constexpr WallTime first = std::chrono::sys_days(std::chrono::year(1970) / 1 / 1);
  constexpr WallTime last = std::chrono::sys_days(std::chrono::year(10000) / 1 / 1);
  if (*time < first || *time >= last) {
    return failure("'" + std::string(text) + "' is not within the years 1970 to 9999",
                   "leave the key out for a period that is open at this side");
  }
  return time;
}

Result<Duration> parse_at_most(std::string_view text, Duration most) {
  auto duration = parse_duration(text);
  if (duration && *duration > most) {
    return failure("'" + std::string(text) + "' is longer than " + format_duration(most), "write a shorter duration");
  }
  return duration;
}

// One entry of a section: reads values and notes where they stand.
class Entry {
 public:
  Entry(Place place, std::string_view word, const std::string& name, const YAML::Node& node,
        std::initializer_list<std::string_view> keys, Issues& issues)
      : map_(*place.file, node, std::string(word) + " " + name, keys, issues), issues_(&issues) {
    origin_.place = place;
  }

  bool required(std::string_view key) const {
    if (map_.has(key)) return true;
    issues_->add(map_.file(), origin_.place.line, map_.name() + " has no '" + std::string(key) + "'", "add it");
    return false;
  }

  void read(std::string_view key, std::string& into) {
    parse(key, [](std::string_view text) { return Result<std::string>(text); }, into);
  }
  template <typename Parse, typename Value>
  void parse(std::string_view key, Parse&& parse_text, Value& into) {
    const auto text = map_.text(key);
    if (!text) return;
    if (const auto fault = fault_of_value(*text); !fault.empty()) {
      map_.complain(key, {fault, "write one line of plain text"});
    } else if (auto value = parse_text(std::string_view(*text))) {
      into = std::move(*value);
      note(key);
    } else {
      map_.complain(key, value.error());
    }
  }
  void read(std::string_view key, bool& into) {
    if (const auto value = map_.boolean(key)) {
      into = *value;
      note(key);
    }
  }
  // An address or network, or a list of them.
  void read(std::string_view key, std::vector<std::pair<Prefix, int>>& into) {
    for (const auto& [text, line] : map_.texts(key)) {
      add_network(text, line, map_.name() + ", " + std::string(key), into);
    }
    note(key);
  }
  void add_network(const std::string& text, int line, const std::string& where,
                   std::vector<std::pair<Prefix, int>>& into) {
    const auto fault = fault_of_value(text);
    const auto network =
        fault.empty() ? parse_network(text) : failure("the address " + fault, "write it in plain text");
    if (network) {
      into.emplace_back(*network, line);
    } else {
      issues_->add(map_.file(), line, where + ": " + network.error().what, network.error().mend);
    }
  }

  [[nodiscard]] const Origin& origin() const { return origin_; }

 private:
  void note(std::string_view key) { origin_.lines.emplace_back(key, map_.line_of(key)); }

  StrictMap map_;
  Origin origin_;
  Issues* issues_;
};

// One section of one file: what the entries have in common.
struct Section {
  const std::string* file;
  std::string_view plural;
  std::string_view word;
  Issues* issues;

  // read_entry(place, name, node) for each entry, in the order of the file.
  template <typename ReadEntry>
  void each(const StrictMap& root, ReadEntry&& read_entry) const {
    const YAML::Node node = root.node(plural);
    if (!node.IsDefined()) return;
    // Reports what is not a map and names that come twice.
    const StrictMap checked(*file, node, std::string(plural), {}, *issues);
    if (!node.IsMap()) return;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) continue;
      const Place place{file, gatehouse::line_of(entry.first)};
      const std::string& name = entry.first.Scalar();
      if (!is_name(name)) {
        issues->add(*file, place.line, "'" + name + "' is not a usable name of a " + std::string(word),
                    "use at most 63 letters, digits, '.', '_', '@' and '-', and begin with a letter or digit");
      }
      read_entry(place, name, entry.second);
    }
  }

  // The thing's place in the document; nullptr (reported) when the name is taken.
  template <typename Thing>
  const std::string* keep(const std::string& name, Thing thing, const Origin& origin,
                          std::map<std::string, Thing>& things, std::map<std::string, Origin>& origins) const {
    const auto [at, is_new] = origins.emplace(name, origin);
    if (is_new) return &things.emplace(name, std::move(thing)).first->first;
    if (at->second.place.file != file) {  // twice in one file has been reported with its section
      issues->add(*file, origin.place.line,
                  std::string(word) + " '" + name + "' stands at " + at->second.place.text() + " already",
                  "keep one of the two, or give one another name");
    }
    return nullptr;
  }
};

void keep_networks(const std::vector<std::pair<Prefix, int>>& networks, const std::string* owner, Place place,
                   std::vector<OwnedNetwork>& into) {
  if (owner == nullptr) return;
  for (const auto& [prefix, line] : networks) into.push_back({prefix, owner, {place.file, line}});
}

std::vector<Prefix> sorted(const std::vector<std::pair<Prefix, int>>& networks) {
  std::vector<Prefix> prefixes;
  prefixes.reserve(networks.size());
  for (const auto& [prefix, line] : networks) prefixes.push_back(prefix);
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

// A pool is not a map but a network or a list of them.
std::vector<std::pair<Prefix, int>> pool_networks(Place place, const std::string& name, const YAML::Node& node,
                                                  Issues& issues) {
  Entry entry(place, "pool", name, YAML::Node(YAML::NodeType::Map), {}, issues);
  const std::string where = "pool " + name;
  std::vector<std::pair<Prefix, int>> networks;
  if (node.IsScalar()) {
    entry.add_network(node.Scalar(), line_of(node), where, networks);
    return networks;
  }
  if (!node.IsSequence() || node.size() == 0) {
    issues.add(*place.file, place.line, where + " has no network", "write one like 198.51.100.0/24, or a list of them");
    return networks;
  }
  for (const auto& item : node) {
    if (item.IsScalar()) {
      entry.add_network(item.Scalar(), line_of(item), where, networks);
    } else {
      issues.add(*place.file, line_of(item), where + ": an entry is not a single value", "write plain networks");
    }
  }
  return networks;
}

Service read_service(Entry& entry) {
  Service service;
  if (entry.required("server")) entry.read("server", service.server);
  if (entry.required("proxy_ip")) entry.parse("proxy_ip", Address::parse, service.proxy_ip);
  if (entry.required("port")) entry.parse("port", parse_port, service.port);
  if (entry.required("kind")) entry.parse("kind", parse_kind, service.kind);
  service.protocol = default_protocol(service.kind);
  entry.parse("protocol", parse_protocol, service.protocol);
  service.backend_port = service.port;
  entry.parse("backend_port", parse_port, service.backend_port);
  entry.parse("source", parse_source_mode, service.source);
  entry.parse("proxy_protocol", parse_proxy_protocol, service.proxy_protocol);
  entry.parse(
      "connect_timeout", [](std::string_view text) { return parse_at_most(text, longest_connect_timeout); },
      service.connect_timeout);
  entry.parse(
      "idle_timeout", [](std::string_view text) { return parse_at_most(text, longest_idle_timeout); },
      service.idle_timeout);
  return service;
}

Grant read_grant(Entry& entry) {
  Grant grant;
  if (entry.required("user")) entry.read("user", grant.user);
  if (entry.required("server")) entry.read("server", grant.server);
  entry.parse("protocol", parse_protocol, grant.protocol);
  entry.parse("start", parse_policy_time, grant.start);
  entry.parse("end", parse_policy_time, grant.end);
  entry.read("reason", grant.reason);
  return grant;
}

}  // namespace

void read_sections(const std::string& file, const YAML::Node& root_node, Draft& draft, Issues& issues) {
  const StrictMap root(file, root_node, "the policy", {"pools", "users", "servers", "services", "grants"}, issues);
  Document& document = draft.document;

  const Section pools{&file, "pools", "pool", &issues};
  pools.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    const auto networks = pool_networks(place, name, node, issues);
    const auto* key = pools.keep(name, Pool{sorted(networks)}, Origin{place, {}}, document.pools, draft.pools);
    keep_networks(networks, key, place, draft.pool_networks);
  });

  const Section users{&file, "users", "user", &issues};
  users.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, users.word, name, node, {"active", "full_name", "sources"}, issues);
    User user;
    std::vector<std::pair<Prefix, int>> sources;
    entry.read("active", user.active);
    entry.read("full_name", user.full_name);
    entry.read("sources", sources);
    user.sources = sorted(sources);
    const auto* key = users.keep(name, std::move(user), entry.origin(), document.users, draft.users);
    keep_networks(sources, key, place, draft.user_sources);
  });

  const Section servers{&file, "servers", "server", &issues};
  servers.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, servers.word, name, node, {"address", "active", "description"}, issues);
    Server server;
    if (entry.required("address")) entry.parse("address", Address::parse, server.address);
    entry.read("active", server.active);
    entry.read("description", server.description);
    servers.keep(name, std::move(server), entry.origin(), document.servers, draft.servers);
  });

  const Section services{&file, "services", "service", &issues};
  services.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, services.word, name, node,
                {"server", "proxy_ip", "port", "kind", "protocol", "backend_port", "source", "proxy_protocol",
                 "connect_timeout", "idle_timeout"},
                issues);
    auto service = read_service(entry);
    services.keep(name, std::move(service), entry.origin(), document.services, draft.services);
  });

  const Section grants{&file, "grants", "grant", &issues};
  grants.each(root, [&](Place place, const std::string& name, const YAML::Node& node) {
    Entry entry(place, grants.word, name, node, {"user", "server", "protocol", "start", "end", "reason"}, issues);
    auto grant = read_grant(entry);
    grants.keep(name, std::move(grant), entry.origin(), document.grants, draft.grants);
  });
}

}  // namespace gatehouse::policy
