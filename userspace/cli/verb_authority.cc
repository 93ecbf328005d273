#include <CLI/CLI.hpp>

#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

int show_authority(const Context& context, bool as_pem) {
  const auto answer = context.ask("GET", "/v1/authority");
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
  } else if (as_pem) {
    // As it is, for a file: line by line, for nothing else may come out of the daemon's answer.
    const auto& pem = answer->value("certificate", std::string());
    for (std::size_t at = 0; at < pem.size();) {
      const auto end = std::min(pem.find('\n', at), pem.size());
      context.out() << escape(pem.substr(at, end - at)) << '\n';
      at = end + 1;
    }
  } else {
    context.out() << "SHA-256  " << show(*answer, "fingerprint") << "\nexpires  " << show_time(show(*answer, "expires"))
                  << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_authority_verbs(CLI::App& app, Context& context) {
  auto* ca = app.add_subcommand("ca", "The gateway's own certificate authority, which RDP clients are to trust");
  ca->require_subcommand(0, 1);
  ca->footer("Example: gatehouse ca export > gatehouse-ca.crt");
  auto* show_verb = ca->add_subcommand("show", "Its fingerprint and its end");
  show_verb->footer("Example: gatehouse ca show");
  auto* export_verb = ca->add_subcommand("export", "Its certificate in PEM, for clients");
  export_verb->footer("Example: gatehouse ca export > gatehouse-ca.crt");
  context.actions[show_verb] = [&context] { return show_authority(context, false); };
  context.actions[export_verb] = [&context] { return show_authority(context, true); };
}

}  // namespace gatehouse::cli
