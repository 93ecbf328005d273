#include <CLI/CLI.hpp>
#include <memory>

#include "admin/token.h"
#include "cli/arguments.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct TokenOptions {
  std::vector<std::string> names;
  std::string role;
  std::string duration;
  std::string until;
  bool permanent = false;
};

int add_token(const Context& context, const TokenOptions& options) {
  const auto role = admin::parse_role(options.role);
  if (!role) return context.fail(role.error(), exit_usage);
  const auto token_name = admin::parse_token_name(options.names.front());
  if (!token_name) return context.fail(token_name.error(), exit_usage);
  const auto end = parse_ban_end(options.duration, options.until, now());
  if (!end) return context.fail(end.error(), exit_usage);
  json body{{"name", *token_name}, {"role", admin::name(*role)}};
  if (*end) body["expires"] = format_time(**end);
  const auto answer = context.ask("POST", "/v1/tokens", body);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  // The token alone on the output, for scripts; what people should know beside it.
  context.console().err << "Token " << *token_name << ", " << admin::name(*role)
                        << (*end ? ", until " + show_time(format_time(**end)) : ", for ever")
                        << ". It is shown this once:\n";
  context.out() << show(*answer, "token") << '\n';
  return exit_ok;
}

int list_tokens(const Context& context) {
  const auto answer = context.ask("GET", "/v1/tokens");
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  Table table({{"NAME"}, {"ROLE"}, {"EXPIRES"}, {"CREATED"}, {"AUTHOR"}});
  for (const auto& token : member(*answer, "tokens")) {
    const auto expires = show(token, "expires");
    table.add({show(token, "name"), show(token, "role"), expires == "-" ? "never" : show_time(expires),
               show_time(show(token, "created")), show(token, "author")});
  }
  if (table.empty()) {
    context.out() << "No tokens.\n";
  } else {
    table.print(context.out());
  }
  return exit_ok;
}

int remove_tokens(const Context& context, const TokenOptions& options) {
  for (const auto& each : options.names) {
    if (auto token_name = admin::parse_token_name(each); !token_name)
      return context.fail(token_name.error(), exit_usage);
  }
  const auto answer = context.ask("POST", "/v1/tokens/remove", {{"names", options.names}});
  if (!answer) return answer.error();
  const auto& unknown = member(*answer, "unknown");
  if (context.json) {
    context.print_json(*answer);
  } else {
    for (const auto& each : member(*answer, "removed")) context.out() << "No longer valid: " << show(each) << '\n';
    for (const auto& each : unknown)
      context.console().err << "gatehouse: there is no token " << show(each) << ": `gatehouse token list` lists them\n";
  }
  return unknown.empty() ? exit_ok : exit_failed;
}

}  // namespace

void add_token_verbs(CLI::App& app, Context& context) {
  auto* token = app.add_subcommand("token", "Make, list and remove tokens, for the API over TLS");
  token->require_subcommand(0, 1);
  token->footer("Example: gatehouse token list");

  auto added = std::make_shared<TokenOptions>();
  auto* add_verb = token->add_subcommand("add", "Make a token, and print it; it cannot be shown again");
  add_verb->add_option("name", added->names, "What it is called, in the audit too")->required()->expected(1);
  add_verb
      ->add_option("--role", added->role,
                   "viewer (sees), operator (also bans, ends sessions, watches recordings), admin (everything)")
      ->required();
  auto* duration = add_verb->add_option("--for", added->duration, "How long, like 30d, or permanent");
  auto* until =
      add_verb->add_option("--until", added->until, "Until when, like 2026-11-23T18:00:00Z")->excludes(duration);
  add_verb->add_flag("--permanent", added->permanent, "For ever (so it is without --for and --until)")
      ->excludes(duration)
      ->excludes(until);
  add_verb->footer("Example: gatehouse token add monitoring --role viewer --for 52w");

  auto* list_verb = token->add_subcommand("list", "List the tokens; never what they are");
  list_verb->footer("Example: gatehouse token list");

  auto removed = std::make_shared<TokenOptions>();
  auto* remove_verb = token->add_subcommand("remove", "Make tokens invalid, at once");
  remove_verb->add_option("name", removed->names, "Their names")->required();
  remove_verb->footer("Example: gatehouse token remove monitoring");

  context.actions[add_verb] = [&context, added] { return add_token(context, *added); };
  context.actions[list_verb] = [&context] { return list_tokens(context); };
  context.actions[remove_verb] = [&context, removed] { return remove_tokens(context, *removed); };
}

}  // namespace gatehouse::cli
