#include <CLI/CLI.hpp>
#include <memory>

#include "cli/policy_arguments.h"
#include "cli/policy_listing.h"
#include "cli/service_arguments.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "policy/loader_values.h"

namespace gatehouse::cli {
namespace {

constexpr std::uint16_t rdp_port = 3389;

struct ServerOptions : EditOptions {
  std::string name;
  std::string address;
  std::string description;
  bool rdp = false;
  std::vector<std::string> relays;
  ProxyOptions proxy;
  bool cascade = false;
  std::string credentials;
  bool allow_tls_backend = false;
  std::string fingerprint;
  std::string ca;
};

// How RDP sessions reach it. A fingerprint or an authority says by itself how the certificate is known.
Result<policy::Server> read_server_options(const ServerOptions& options) {
  policy::Server server;
  const auto address = Address::parse(options.address);
  if (!address) return std::unexpected(address.error());
  server.address = *address;
  server.description = options.description;
  server.allow_tls_backend = options.allow_tls_backend;
  if (!options.credentials.empty()) {
    const auto source = policy::parse_credential_source(options.credentials);
    if (!source) return std::unexpected(source.error());
    server.credentials = *source;
  }
  if (!options.fingerprint.empty()) {
    auto fingerprint = policy::parse_fingerprint(options.fingerprint);
    if (!fingerprint) return std::unexpected(fingerprint.error());
    server.fingerprint = std::move(*fingerprint);
    server.backend_certificate = policy::CertificateCheck::pinned;
  }
  if (!options.ca.empty()) {
    auto ca = policy::parse_absolute_path(options.ca);
    if (!ca) return std::unexpected(ca.error());
    server.ca = std::move(*ca);
    server.backend_certificate = policy::CertificateCheck::ca;
  }
  return server;
}

Result<std::vector<RelaySpec>> parse_relays(const std::vector<std::string>& texts) {
  std::vector<RelaySpec> relays;
  for (const auto& text : texts) {
    const auto relay = parse_relay(text);
    if (!relay) return std::unexpected(relay.error());
    relays.push_back(*relay);
  }
  return relays;
}

int add_server(const Context& context, const ServerOptions& options) {
  const auto server = read_server_options(options);
  if (!server) return context.fail(server.error(), exit_usage);
  const auto relays = parse_relays(options.relays);
  if (!relays) return context.fail(relays.error(), exit_usage);
  const bool has_services = options.rdp || !relays->empty();
  if (!has_services && !(options.proxy.pool.empty() && options.proxy.proxy_ip.empty())) {
    return context.fail({"an address, but no service on it", "give --rdp or --relay"}, exit_usage);
  }
  const auto choice = has_services ? parse_proxy(options.proxy) : ProxyChoice{};
  if (!choice) return context.fail(choice.error(), exit_usage);
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    auto added = add_thing(document, servers, options.name, *server);
    if (!added || !has_services) return added;
    const auto proxy_ip = proxy_address(document, *choice);
    if (!proxy_ip) return std::unexpected(proxy_ip.error());
    if (options.rdp) {
      const auto name = free_name(document, services, options.name + "-rdp");
      document.services[name] = service_of(options.name, *proxy_ip, policy::Kind::rdp, rdp_port);
    }
    for (const auto& relay : *relays) {
      const auto name = free_name(document, services, options.name + "-" + relay.protocol);
      auto service = service_of(options.name, *proxy_ip, policy::Kind::relay, relay.port);
      service.protocol = relay.protocol;
      service.backend_port = relay.backend_port;
      document.services[name] = std::move(service);
    }
    return {};
  });
}

int set_server_active(const Context& context, const ServerOptions& options, bool active) {
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    const auto server = find_thing(document, servers, options.name);
    if (!server) return std::unexpected(server.error());
    (*server)->active = active;
    return {};
  });
}

int trust_server(const Context& context, const std::string& server) {
  const auto answer = context.ask("POST", "/v1/servers/trust", {{"server", server}});
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
  } else {
    context.out() << "Server " << show(*answer, "server") << " is known by " << show(*answer, "fingerprint") << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_server_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<ServerOptions>();
  auto* server = app.add_subcommand("server", "The servers of the policy: the real machines");
  server->require_subcommand(0, 1);
  server->footer("Example: gatehouse server list");
  const auto make = [&](const char* word, const char* help, const std::string& example) {
    auto* verb = server->add_subcommand(word, help);
    verb->add_option("name", options->name, "Name of the server")->required();
    verb->footer(std::string("Example: gatehouse server ") + word + " " + example);
    return verb;
  };

  auto* add = make("add", "Add a server, and the services that clients reach on it",
                   "win1 --address 203.0.113.10 --rdp --pool office");
  add->add_option("--address", options->address, "Of the machine itself")->required();
  add->add_option("--description", options->description, "For people");
  add->add_flag("--rdp", options->rdp, "A service for RDP on port 3389, SERVER-rdp");
  add->add_option("--relay", options->relays,
                  "A service of another protocol, SERVER-PROTOCOL, like ssh:22 or https:443:8443; may be repeated")
      ->allow_extra_args(false);
  add->add_option("--credentials", options->credentials,
                  "What RDP sessions log in to it with: pass (default: the user's own) or inject (the gateway's)");
  add->add_flag("--allow-tls-backend", options->allow_tls_backend, "Go on with TLS alone where it refuses NLA");
  auto* pinned = add->add_option("--fingerprint", options->fingerprint, "SHA-256 of its certificate: only that one");
  add->add_option("--ca", options->ca, "File of the authority that issues its certificate: only such")
      ->excludes(pinned);
  add_proxy_options(*add, options->proxy);
  add_dry_run(*add, *options);
  auto* remove = make("remove", "Remove a server", "win1");
  remove->add_flag("--cascade", options->cascade,
                   "With its services, grants, denials and maintenance, and out of all groups");
  add_dry_run(*remove, *options);
  auto* deactivate = make("deactivate", "Deny everything to a server, and end its sessions", "win1");
  add_dry_run(*deactivate, *options);
  auto* activate = make("activate", "Let the grants for a server count again", "win1");
  add_dry_run(*activate, *options);
  auto* list = server->add_subcommand("list", "List the servers");
  list->footer("Example: gatehouse server list");
  auto* show = make("show", "Show one server, as a policy file has it", "win1");
  auto* trust = make("trust", "Take the certificate that it shows now, after it was refused for being another", "win1");

  context.actions[add] = [&context, options] { return add_server(context, *options); };
  context.actions[remove] = [&context, options] {
    return edit_policy(context, *options, [&](policy::Document& document) {
      return remove_thing(document, servers, options->name, options->cascade);
    });
  };
  context.actions[activate] = [&context, options] { return set_server_active(context, *options, true); };
  context.actions[deactivate] = [&context, options] { return set_server_active(context, *options, false); };
  context.actions[list] = [&context] { return list_things(context, servers, {"active", "address", "description"}); };
  context.actions[trust] = [&context, options] { return trust_server(context, options->name); };
  context.actions[show] = [&context, options] { return show_thing(context, servers, options->name); };
}

}  // namespace gatehouse::cli
