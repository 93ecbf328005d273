#include <CLI/CLI.hpp>
#include <memory>

#include "cli/text.h"
#include "cli/verbs.h"
#include "kernel/doctor.h"

namespace gatehouse::cli {
namespace {

const char* word_of(kernel::Finding::Level level) {
  switch (level) {
    case kernel::Finding::Level::ok:
      return "ok";
    case kernel::Finding::Level::warning:
      return "warning";
    case kernel::Finding::Level::failure:
      break;
  }
  return "failure";
}

int examine(const Context& context, const kernel::DataplaneOptions& options) {
  using Level = kernel::Finding::Level;
  const auto findings = kernel::examine(options);
  std::size_t failures = 0;
  std::size_t warnings = 0;
  auto list = nlohmann::json::array();
  for (const auto& finding : findings) {
    failures += finding.level == Level::failure ? 1 : 0;
    warnings += finding.level == Level::warning ? 1 : 0;
    list.push_back({{"level", word_of(finding.level)},
                    {"subject", finding.subject},
                    {"what", finding.what},
                    {"mend", finding.mend}});
    if (context.json) continue;
    const char* mark = finding.level == Level::ok ? "✓ " : finding.level == Level::warning ? "! " : "✗ ";
    context.out() << mark << escape(finding.subject) << ": " << escape(finding.what) << '\n';
    if (!finding.mend.empty()) context.out() << "    mend: " << escape(finding.mend) << '\n';
  }
  if (context.json) {
    context.print_json({{"fit", failures == 0}, {"findings", std::move(list)}});
  } else {
    context.out() << '\n' << failures << " failures, " << warnings << " warnings\n";
  }
  return failures == 0 ? exit_ok : exit_failed;
}

}  // namespace

void add_doctor_verb(CLI::App& app, Context& context) {
  auto options = std::make_shared<kernel::DataplaneOptions>();
  auto bpffs = std::make_shared<std::string>(options->bpffs.string());
  auto* verb =
      app.add_subcommand("doctor", "Examine this machine: is it fit for the gateway? Needs no daemon, changes nothing");
  verb->add_option("--interface", options->interfaces, "Interfaces that the guard is to be attached to");
  verb->add_option("--instance", options->instance, "Instance, for its pins")->capture_default_str();
  verb->add_option("--bpffs", *bpffs, "Where the bpffs is mounted")->capture_default_str();
  verb->footer(
      "Exit code 0: fit, 1: something must be mended.\nExample: gatehouse doctor --interface eth0 --interface eth1");
  context.actions[verb] = [&context, options, bpffs] {
    options->bpffs = *bpffs;
    return examine(context, *options);
  };
}

}  // namespace gatehouse::cli
