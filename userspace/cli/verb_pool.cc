#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/policy_arguments.h"
#include "cli/policy_listing.h"
#include "cli/proxy_addresses.h"
#include "cli/service_arguments.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "policy/loader_values.h"

namespace gatehouse::cli {
namespace {

struct PoolOptions : EditOptions {
  std::string name;
  std::vector<std::string> networks;
  bool cascade = false;
  // assign and free
  std::string server;
  std::string service;
  std::string kind = "rdp";
  std::string protocol;
  std::string port;
  EndOptions end;
  std::string address;
};

int change_networks(const Context& context, const PoolOptions& options, bool add) {
  const auto networks = parse_networks(options.networks);
  if (!networks) return context.fail(networks.error(), exit_usage);
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    const auto pool = find_thing(document, pools, options.name);
    if (!pool) return std::unexpected(pool.error());
    for (const auto& network : *networks) {
      if (add) {
        (*pool)->networks.push_back(network);
      } else if (std::erase((*pool)->networks, network) == 0) {
        return failure(network.text() + " is not a network of pool " + options.name,
                       "`gatehouse pool show " + options.name + "` lists them");
      }
    }
    return {};
  });
}

int list_pools(const Context& context) {
  const auto policy = fetch_policy(context);
  if (!policy) return policy.error();
  using enum Table::Align;
  Table table({{"NAME"}, {"NETWORKS"}, {"IN USE", right}, {"ADDRESSES", right}, {"NEXT FREE"}});
  auto list = nlohmann::json::array();
  for (const auto& [name, pool] : policy->document.pools) {
    const auto in_use = taken_addresses(policy->document, pool).size();
    const auto next = first_free_address(policy->document, name);
    auto thing = json_of({name, policy::fields_of(pool)});
    table.add({escape(name), show_list(thing.at("networks")), std::to_string(in_use), size_of(pool),
               next ? next->text() : "-"});
    thing["in_use"] = in_use;
    thing["next_free"] = next ? nlohmann::json(next->text()) : nlohmann::json(nullptr);
    list.push_back(std::move(thing));
  }
  if (context.json) {
    context.print_json({{"policy_version", policy->version}, {"pools", std::move(list)}});
  } else if (table.empty()) {
    context.out() << "The policy has none.\n";
  } else {
    table.print(context.out());
  }
  return exit_ok;
}

int show_pool(const Context& context, const PoolOptions& options) {
  auto policy = fetch_policy(context);
  if (!policy) return policy.error();
  const auto pool = find_thing(policy->document, pools, options.name);
  if (!pool) return context.fail(pool.error());
  const auto next = first_free_address(policy->document, options.name);
  Table table({{"ADDRESS"}, {"SERVER"}, {"SERVICES"}, {"UNTIL"}});
  auto body = json_of({options.name, policy::fields_of(**pool)});
  body["in_use"] = nlohmann::json::array();
  for (const auto& [address, names] : taken_addresses(policy->document, **pool)) {
    const auto& server = policy->document.services.at(names.front()).server;
    const auto& until = policy->document.services.at(names.front()).until;
    const auto end = until ? nlohmann::json(format_time(*until)) : nlohmann::json(nullptr);
    table.add({address.text(), escape(server), show_list(names), until ? format_time(*until) : "-"});
    body["in_use"].push_back({{"address", address.text()}, {"server", server}, {"services", names}, {"until", end}});
  }
  body["next_free"] = next ? nlohmann::json(next->text()) : nlohmann::json(nullptr);
  if (context.json) {
    context.print_json(body);
    return exit_ok;
  }
  context.out() << "Networks: " << show_list(body.at("networks")) << "; " << size_of(**pool) << " addresses, "
                << body.at("in_use").size() << " in use, next free: " << show(body, "next_free") << '\n';
  if (!table.empty()) table.print(context.out());
  return exit_ok;
}

// Services of the pool whose time is over keep no address from others. One that a grant or a denial names stays: what
// it is about must not change by itself.
void remove_ended(policy::Document& document, const std::string& pool, WallTime time) {
  const auto found = document.pools.find(pool);
  if (found == document.pools.end()) return;
  for (const auto& [address, names] : taken_addresses(document, found->second)) {
    for (const auto& name : names) {
      const auto& until = document.services.at(name).until;
      if (until && *until <= time && named_by(document, services.key, name).empty()) document.services.erase(name);
    }
  }
}

int assign(const Context& context, const PoolOptions& options) {
  const auto time = now();
  const auto kind = policy::parse_kind(options.kind);
  if (!kind) return context.fail(kind.error(), exit_usage);
  if (options.port.empty() && *kind != policy::Kind::rdp) {
    return context.fail({"on which port?", "give --port"}, exit_usage);
  }
  const auto port = parse_port(options.port.empty() ? "3389" : options.port);
  if (!port) return context.fail(port.error(), exit_usage);
  auto service = service_of(options.server, {}, *kind, *port);
  if (!options.protocol.empty()) {
    const auto protocol = parse_protocol_word(options.protocol);
    if (!protocol) return context.fail(protocol.error(), exit_usage);
    service.protocol = *protocol;
  }
  const auto until = parse_end(options.end, time);
  if (!until) return context.fail(until.error(), exit_usage);
  service.until = *until;
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    if (const auto server = find_thing(document, servers, options.server); !server) {
      return std::unexpected(server.error());
    }
    remove_ended(document, options.name, time);
    const auto address = first_free_address(document, options.name);
    if (!address) return std::unexpected(address.error());
    auto placed = service;
    placed.proxy_ip = *address;
    const auto name = options.service.empty() ? free_name(document, services, options.server + "-" + service.protocol)
                                              : options.service;
    return add_thing(document, services, name, std::move(placed));
  });
}

int free_address(const Context& context, const PoolOptions& options) {
  const auto address = Address::parse(options.address);
  if (!address) return context.fail(address.error(), exit_usage);
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    std::vector<std::string> on_it;
    for (const auto& [name, service] : document.services) {
      if (service.proxy_ip == *address) on_it.push_back(name);
    }
    if (on_it.empty()) {
      return failure(address->text() + " is in no service", "`gatehouse pool show POOL` lists what is in use");
    }
    for (const auto& name : on_it) {
      if (auto removed = remove_thing(document, services, name, options.cascade); !removed) return removed;
    }
    return {};
  });
}

}  // namespace

void add_pool_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<PoolOptions>();
  auto* pool = app.add_subcommand("pool", "The pools of proxy IPs, and which of their addresses stand for what");
  pool->require_subcommand(0, 1);
  pool->footer("Example: gatehouse pool list");
  const auto make = [&](CLI::App* under, const char* word, const char* help, const std::string& example) {
    auto* verb = under->add_subcommand(word, help);
    verb->add_option("name", options->name, "Name of the pool")->required();
    verb->footer("Example: gatehouse pool " + example);
    return verb;
  };
  const auto take_networks = [&](CLI::App* verb) {
    verb->add_option("network", options->networks, "Networks, like 198.51.100.0/24 or 2001:db8:77::/64")->required();
    add_dry_run(*verb, *options);
  };

  auto* add = make(pool, "add", "Add a pool; its networks must be routed to the gateway", "add office 198.51.100.0/24");
  take_networks(add);
  auto* remove = make(pool, "remove", "Remove a pool", "remove office");
  remove->add_flag("--cascade", options->cascade, "With the services on its addresses, and the grants for those");
  add_dry_run(*remove, *options);
  auto* list = pool->add_subcommand("list", "List the pools");
  list->footer("Example: gatehouse pool list");
  auto* show = make(pool, "show", "Show what the addresses of a pool stand for", "show office");
  auto* network = pool->add_subcommand("network", "The networks of a pool");
  network->require_subcommand(0, 1);
  network->footer("Example: gatehouse pool network add office 198.51.101.0/24");
  auto* add_network = make(network, "add", "Add networks", "network add office 198.51.101.0/24");
  take_networks(add_network);
  auto* remove_network = make(network, "remove", "Take networks away", "network remove office 198.51.101.0/24");
  take_networks(remove_network);

  auto* assign_verb = pool->add_subcommand("assign", "Give a server the first free address of a pool, with a service");
  assign_verb->add_option("server", options->server, "Name of the server")->required();
  assign_verb->add_option("--pool", options->name, "Name of the pool")->required();
  assign_verb->add_option("--kind", options->kind, "rdp, or relay for any other TCP")->capture_default_str();
  assign_verb->add_option("--port", options->port, "Of the service (default for rdp: 3389)");
  assign_verb->add_option("--protocol", options->protocol, "What grants call it");
  assign_verb->add_option("--service", options->service, "Name of the service (default: SERVER-PROTOCOL)");
  auto* duration = assign_verb->add_option("--for", options->end.duration, "How long, like 1w (default: permanent)");
  assign_verb->add_option("--until", options->end.until, "Until when, like 2026-12-24 or friday")->excludes(duration);
  assign_verb->add_option("--zone", options->end.zone, "Time zone of a weekday in --until (default: UTC)");
  add_dry_run(*assign_verb, *options);
  assign_verb->footer("Example: gatehouse pool assign win1 --pool office --for 1w");
  auto* free_verb = pool->add_subcommand("free", "Take an address back, with the services on it");
  free_verb->add_option("address", options->address, "The proxy IP")->required();
  free_verb->add_flag("--cascade", options->cascade, "With the grants and denials for these services");
  add_dry_run(*free_verb, *options);
  free_verb->footer("Example: gatehouse pool free 198.51.100.7");

  context.actions[add] = [&context, options] {
    const auto networks = parse_networks(options->networks);
    if (!networks) return context.fail(networks.error(), exit_usage);
    return edit_policy(context, *options, [&](policy::Document& document) {
      return add_thing(document, pools, options->name, {*networks});
    });
  };
  context.actions[remove] = [&context, options] {
    return edit_policy(context, *options, [&](policy::Document& document) {
      return remove_thing(document, pools, options->name, options->cascade);
    });
  };
  context.actions[list] = [&context] { return list_pools(context); };
  context.actions[show] = [&context, options] { return show_pool(context, *options); };
  context.actions[add_network] = [&context, options] { return change_networks(context, *options, true); };
  context.actions[remove_network] = [&context, options] { return change_networks(context, *options, false); };
  context.actions[assign_verb] = [&context, options] { return assign(context, *options); };
  context.actions[free_verb] = [&context, options] { return free_address(context, *options); };
}

}  // namespace gatehouse::cli
