#include <CLI/CLI.hpp>
#include <memory>

#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

// As it is, for a file: line by line, for nothing else may come out of the daemon's answer.
void print_pem(const Context& context, const std::string& pem) {
  for (std::size_t at = 0; at < pem.size();) {
    const auto end = std::min(pem.find('\n', at), pem.size());
    context.out() << escape(pem.substr(at, end - at)) << '\n';
    at = end + 1;
  }
}

int print_authority(const Context& context, const std::expected<nlohmann::json, int>& answer) {
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
  } else {
    context.out() << "SHA-256  " << show(*answer, "fingerprint") << "\nexpires  " << show_time(show(*answer, "expires"))
                  << '\n';
  }
  return exit_ok;
}

int export_authority(const Context& context, bool former) {
  const auto answer = context.ask("GET", "/v1/authority");
  if (!answer || context.json) return print_authority(context, answer);
  const auto pem = answer->find(former ? "former" : "certificate");
  if (pem == answer->end() || !pem->is_string()) {
    return context.fail({"there is no former authority", "there is one after `gatehouse ca rotate`"});
  }
  print_pem(context, pem->get<std::string>());
  return exit_ok;
}

int rotate_authority(const Context& context, bool sure) {
  if (!sure) {
    return context.fail({"clients trust the new authority only when they were given its certificate",
                         "say --yes; then roll out what `gatehouse ca export` prints"},
                        exit_usage);
  }
  return print_authority(context, context.ask("POST", "/v1/authority/rotate"));
}

}  // namespace

void add_authority_verbs(CLI::App& app, Context& context) {
  auto* ca = app.add_subcommand("ca", "The gateway's own certificate authority, which RDP clients are to trust");
  ca->require_subcommand(0, 1);
  ca->footer("Example: gatehouse ca export > gatehouse-ca.crt");
  auto* show_verb = ca->add_subcommand("show", "Its fingerprint and its end");
  show_verb->footer("Example: gatehouse ca show");
  auto* export_verb = ca->add_subcommand("export", "Its certificate in PEM, for clients");
  auto former = std::make_shared<bool>(false);
  export_verb->add_flag("--former", *former, "That of before the last rotation");
  export_verb->footer("Example: gatehouse ca export > gatehouse-ca.crt");
  auto* rotate_verb =
      ca->add_subcommand("rotate", "Make a new authority, and with it new certificates for all services");
  auto sure = std::make_shared<bool>(false);
  rotate_verb->add_flag("--yes", *sure, "Do it");
  rotate_verb->footer("Example: gatehouse ca rotate --yes");
  context.actions[show_verb] = [&context] { return print_authority(context, context.ask("GET", "/v1/authority")); };
  context.actions[export_verb] = [&context, former] { return export_authority(context, *former); };
  context.actions[rotate_verb] = [&context, sure] { return rotate_authority(context, *sure); };
}

}  // namespace gatehouse::cli
