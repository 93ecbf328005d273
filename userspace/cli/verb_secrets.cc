#include <CLI/CLI.hpp>
#include <cstring>
#include <memory>

#include "cli/password_input.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct SecretOptions {
  std::string name;  // of the account, or of the server
  std::string user;
  std::string login;
  std::string domain;
};

// With the password of the standard input, which is wiped here.
std::expected<json, int> ask_with_password(const Context& context, const std::string& target, json body,
                                           const std::string& what) {
  auto password = read_password(context.console(), what);
  if (!password) return std::unexpected(context.fail(password.error(), exit_usage));
  body["password"] = *password;
  ::explicit_bzero(password->data(), password->size());
  auto answer = context.ask("POST", target, body);
  auto& sent = body["password"].get_ref<std::string&>();
  ::explicit_bzero(sent.data(), sent.size());
  return answer;
}

int set_account(const Context& context, const SecretOptions& options) {
  json body{{"name", options.name}};
  if (!options.user.empty()) body["user"] = options.user;
  const auto answer = ask_with_password(context, "/v1/accounts", body, "Password of account " + options.name);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
  } else {
    context.out() << "Account " << show(*answer, "name") << " is of user " << show(*answer, "user") << ".\n";
  }
  return exit_ok;
}

int set_credential(const Context& context, const SecretOptions& options) {
  json body{{"server", options.name}, {"login", options.login}};
  if (!options.user.empty()) body["user"] = options.user;
  if (!options.domain.empty()) body["domain"] = options.domain;
  const auto answer = ask_with_password(context, "/v1/credentials", body,
                                        "Password of " + options.login + " at server " + options.name);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
  } else {
    const auto user = show(*answer, "user");
    context.out() << (user == "-" ? "Everybody" : "User " + user) << " is logged in to server "
                  << show(*answer, "server") << " as " << show(*answer, "login")
                  << ", where the policy says `credentials: inject`.\n";
  }
  return exit_ok;
}

int list_secrets(const Context& context, const std::string& what, const std::vector<std::string>& keys) {
  const auto answer = context.ask("GET", "/v1/" + what);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  std::vector<Table::Column> columns;
  columns.reserve(keys.size());
  for (auto key : keys) {
    for (auto& c : key) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    columns.push_back({key});
  }
  Table table(columns);
  for (const auto& row : member(*answer, what.c_str())) {
    std::vector<std::string> cells;
    cells.reserve(keys.size());
    for (const auto& key : keys)
      cells.push_back(key == "created" ? show_time(show(row, key.c_str())) : show(row, key.c_str()));
    table.add(cells);
  }
  if (table.empty()) {
    context.out() << "No " << what << ".\n";
  } else {
    table.print(context.out());
  }
  return exit_ok;
}

int remove_secret(const Context& context, const std::string& target, const json& body, const std::string& what) {
  const auto answer = context.ask("POST", target, body);
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
  } else {
    context.out() << "Removed: " << escape(what) << '\n';
  }
  return exit_ok;
}

CLI::App* group(CLI::App& app, const char* word, const char* help) {
  auto* verbs = app.add_subcommand(word, help);
  verbs->require_subcommand(0, 1);
  verbs->footer(std::string("Example: gatehouse ") + word + " list");
  return verbs;
}

}  // namespace

void add_account_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<SecretOptions>();
  auto* account = group(app, "account", "Accounts that RDP clients log in with at the gateway (front: nla)");
  auto* set = account->add_subcommand("set", "Make an account, or give it another password; the password is read");
  set->add_option("name", options->name, "What clients type as their name")->required();
  set->add_option("--user", options->user, "Whose it is, in the policy (default: the user of the same name)");
  set->footer("Example: gatehouse account set alice < password.txt");
  auto* list = account->add_subcommand("list", "List the accounts; never their passwords");
  list->footer("Example: gatehouse account list");
  auto* remove = account->add_subcommand("remove", "Remove an account; open sessions go on");
  remove->add_option("name", options->name, "Its name")->required();
  remove->footer("Example: gatehouse account remove alice");
  context.actions[set] = [&context, options] { return set_account(context, *options); };
  context.actions[list] = [&context] {
    return list_secrets(context, "accounts", {"name", "user", "created", "author"});
  };
  context.actions[remove] = [&context, options] {
    return remove_secret(context, "/v1/accounts/remove", {{"name", options->name}}, "account " + options->name);
  };
}

void add_credential_verbs(CLI::App& app, Context& context) {
  auto options = std::make_shared<SecretOptions>();
  auto* credential = group(app, "credential", "What the gateway logs in to servers with (credentials: inject)");
  auto* set = credential->add_subcommand("set", "Store a login for a server; the password is read");
  set->add_option("server", options->name, "Name of the server")->required();
  set->add_option("--login", options->login, "The name at the server")->required();
  set->add_option("--domain", options->domain, "Its domain");
  set->add_option("--user", options->user, "For this user of the policy only (default: for everybody)");
  set->footer("Example: gatehouse credential set win1 --login svc-rdp --domain CORP < password.txt");
  auto* list = credential->add_subcommand("list", "List them; never their passwords");
  list->footer("Example: gatehouse credential list");
  auto* remove = credential->add_subcommand("remove", "Remove a login for a server; open sessions go on");
  remove->add_option("server", options->name, "Name of the server")->required();
  remove->add_option("--user", options->user, "That of this user (default: that for everybody)");
  remove->footer("Example: gatehouse credential remove win1");
  context.actions[set] = [&context, options] { return set_credential(context, *options); };
  context.actions[list] = [&context] {
    return list_secrets(context, "credentials", {"server", "user", "login", "domain", "created", "author"});
  };
  context.actions[remove] = [&context, options] {
    json body{{"server", options->name}};
    if (!options->user.empty()) body["user"] = options->user;
    return remove_secret(context, "/v1/credentials/remove", body, "credentials for server " + options->name);
  };
}

}  // namespace gatehouse::cli
