#include <CLI/CLI.hpp>
#include <memory>

#include "cli/policy_arguments.h"
#include "cli/policy_listing.h"
#include "cli/service_arguments.h"
#include "cli/verbs.h"
#include "policy/loader_values.h"

namespace gatehouse::cli {
namespace {

struct ServiceOptions : EditOptions {
  std::string name;
  std::string server;
  std::string kind;
  std::string port;
  std::string protocol;
  std::string backend_port;
  std::string source;
  std::string proxy_protocol;
  std::string connect_timeout;
  std::string idle_timeout;
  std::string deny;
  std::string front;
  ProxyOptions proxy;
  bool cascade = false;
};

// The value of an option that was given, by `parse`, into `target`.
template <typename Target, typename Parse>
Result<void> take(const std::string& text, Target& target, Parse&& parse) {
  if (text.empty()) return {};
  const auto value = parse(text);
  if (!value) return std::unexpected(value.error());
  target = *value;
  return {};
}

Result<policy::Service> read_service_options(const ServiceOptions& options) {
  const auto kind = policy::parse_kind(options.kind);
  if (!kind) return std::unexpected(kind.error());
  const auto port = parse_port(options.port);
  if (!port) return std::unexpected(port.error());
  auto service = service_of(options.server, {}, *kind, *port);
  auto read = take(options.protocol, service.protocol, parse_protocol_word);
  if (read) read = take(options.backend_port, service.backend_port, parse_port);
  if (read) read = take(options.source, service.source, policy::parse_source_mode);
  if (read) read = take(options.proxy_protocol, service.proxy_protocol, policy::parse_proxy_protocol);
  if (read) read = take(options.connect_timeout, service.connect_timeout, parse_duration);
  if (read) read = take(options.idle_timeout, service.idle_timeout, parse_duration);
  if (read) read = take(options.deny, service.deny, policy::parse_deny_mode);
  if (read) read = take(options.front, service.front, policy::parse_front);
  if (!read) return std::unexpected(read.error());
  if (service.front != policy::Front::tls && service.kind != policy::Kind::rdp) {
    return failure("--front is of kind rdp only", "leave it out, or give --kind rdp");
  }
  return service;
}

int add_service(const Context& context, const ServiceOptions& options) {
  const auto service = read_service_options(options);
  if (!service) return context.fail(service.error(), exit_usage);
  const auto choice = parse_proxy(options.proxy);
  if (!choice) return context.fail(choice.error(), exit_usage);
  return edit_policy(context, options, [&](policy::Document& document) -> Result<void> {
    auto placed = *service;
    const auto proxy_ip = proxy_address(document, *choice);
    if (!proxy_ip) return std::unexpected(proxy_ip.error());
    placed.proxy_ip = *proxy_ip;
    return add_thing(document, services, options.name, std::move(placed));
  });
}

}  // namespace

void add_service_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<ServiceOptions>();
  auto* service = app.add_subcommand("service", "The services of the policy: proxy IP and port to server and port");
  service->require_subcommand(0, 1);
  service->footer("Example: gatehouse service list");
  const auto make = [&](const char* word, const char* help, const std::string& example) {
    auto* verb = service->add_subcommand(word, help);
    verb->add_option("name", options->name, "Name of the service")->required();
    verb->footer(std::string("Example: gatehouse service ") + word + " " + example);
    return verb;
  };

  auto* add =
      make("add", "Add a service", "win1-ssh --server win1 --kind relay --protocol ssh --port 22 --pool office");
  add->add_option("--server", options->server, "Name of the server")->required();
  add->add_option("--kind", options->kind, "rdp, rustdesk, or relay for any other TCP")->required();
  add->add_option("--port", options->port, "On the proxy IP")->required();
  add_proxy_options(*add, options->proxy);
  add->add_option("--protocol", options->protocol, "What grants call it (default: rdp for kind rdp, otherwise tcp)");
  add->add_option("--backend-port", options->backend_port, "Port of the server, where it is another");
  add->add_option("--source", options->source, "Whose address the server sees: gateway (default) or client");
  add->add_option("--proxy-protocol", options->proxy_protocol, "off (default) or v2");
  add->add_option("--connect-timeout", options->connect_timeout, "How long to try to reach the server, like 5s");
  add->add_option("--idle", options->idle_timeout, "End a session without a byte for so long, like 30m");
  add->add_option("--deny", options->deny, "Of kind rdp: reset (default), or explain: who is denied is shown why");
  add->add_option("--front", options->front,
                  "How clients log in at the gateway: tls (default), or nla with an account (see `gatehouse account`)");
  add_dry_run(*add, *options);
  auto* remove = make("remove", "Remove a service, which makes its proxy IP and port free", "win1-ssh");
  remove->add_flag("--cascade", options->cascade, "With the grants and denials for it");
  add_dry_run(*remove, *options);
  auto* list = service->add_subcommand("list", "List the services");
  list->footer("Example: gatehouse service list");
  auto* show = make("show", "Show one service, as a policy file has it", "win1-ssh");

  context.actions[add] = [&context, options] { return add_service(context, *options); };
  context.actions[remove] = [&context, options] {
    return edit_policy(context, *options, [&](policy::Document& document) {
      return remove_thing(document, services, options->name, options->cascade);
    });
  };
  context.actions[list] = [&context] {
    return list_things(context, services, {"server", "proxy_ip", "port", "kind", "protocol", "backend_port", "until"});
  };
  context.actions[show] = [&context, options] { return show_thing(context, services, options->name); };
}

}  // namespace gatehouse::cli
