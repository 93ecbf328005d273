#include <CLI/CLI.hpp>
#include <memory>

#include "base/address.h"
#include "base/time.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct CheckOptions {
  std::string source;
  std::string destination;
  std::string port;
  bool udp = false;
  std::string time;
  std::string login;
};

Result<json> body_of(const CheckOptions& options) {
  const auto source = Address::parse(options.source);
  if (!source) return std::unexpected(source.error());
  const auto destination = Address::parse(options.destination);
  if (!destination) return std::unexpected(destination.error());
  const auto port = parse_port(options.port);
  if (!port) return std::unexpected(port.error());
  json body{{"source", source->text()},
            {"destination", destination->text()},
            {"port", *port},
            {"transport", options.udp ? "udp" : "tcp"}};
  if (!options.time.empty()) {
    const auto time = parse_time(options.time);
    if (!time) return std::unexpected(time.error());
    body["time"] = format_time(*time);
  }
  if (!options.login.empty()) body["login"] = options.login;
  return body;
}

void print(const json& answer, bool allowed, std::ostream& out) {
  for (const auto& step : member(answer, "steps")) {
    out << (is_true(step, "passed") ? "✓ " : "✗ ") << show(step, "subject") << ": " << show(step, "finding") << '\n';
  }
  out << '\n'
      << (allowed ? "ALLOWED" : "DENIED") << " (" << show(answer, "reason") << "): " << show(answer, "description")
      << '\n';
  for (const char* key : {"user", "service", "server", "grant", "backend"}) {
    if (const auto value = show(answer, key); value != "-") out << "  " << key << " " << value << '\n';
  }
  const auto until = show(answer, "holds_until");
  out << "  this holds " << (until == "-" ? "until something is changed" : "until " + show_time(until)) << '\n';
  if (const auto& verdict = member(answer, "kernel_verdict"); verdict.is_object()) {
    out << "  the kernel drops it until " << show_time(show(verdict, "expires")) << " (" << show(verdict, "reason")
        << ", " << show(verdict, "hits") << " attempts dropped)\n";
  }
}

int check(const Context& context, const CheckOptions& options) {
  const auto body = body_of(options);
  if (!body) return context.fail(body.error(), exit_usage);
  const auto answer = context.ask("POST", "/v1/check", *body);
  if (!answer) return answer.error();
  const bool allowed = is_true(*answer, "allowed");
  if (context.json) {
    context.print_json(*answer);
  } else {
    print(*answer, allowed, context.out());
  }
  return allowed ? exit_ok : exit_denied;
}

}  // namespace

void add_check_verb(CLI::App& app, Context& context) {
  auto options = std::make_shared<CheckOptions>();
  auto* verb = app.add_subcommand("check", "Explain, step by step, whether a connection would be let in");
  verb->add_option("--source", options->source, "Address of the client")->required();
  verb->add_option("--dest", options->destination, "Proxy IP it connects to")->required();
  verb->add_option("--port", options->port, "Port it connects to")->required();
  verb->add_flag("--udp", options->udp, "UDP instead of TCP");
  verb->add_option("--time", options->time, "At this time instead of now, like 2026-11-23T18:00:00Z");
  verb->add_option("--login", options->login, "Login that the client would send");
  verb->footer(
      "Exit code 0: allowed, 3: denied.\nExample: gatehouse check --source 192.0.2.7 --dest 203.0.113.10 --port 3389");
  context.actions[verb] = [&context, options] { return check(context, *options); };
}

}  // namespace gatehouse::cli
