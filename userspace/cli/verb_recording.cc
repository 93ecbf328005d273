#include <CLI/CLI.hpp>
#include <memory>

#include "cli/text.h"
#include "cli/verbs.h"
#include "rdp/recording_files.h"

namespace gatehouse::cli {
namespace {

int verify_recording(const Context& context, const std::string& directory) {
  const auto finding = rdp::verify_recording(directory);
  if (!finding) return context.fail(finding.error());
  if (context.json) {
    context.print_json({{"pieces", finding->pieces},
                        {"hash", finding->hash},
                        {"bytes_beyond", finding->beyond},
                        {"fault", finding->fault.empty() ? nlohmann::json(nullptr) : nlohmann::json(finding->fault)}});
    return finding->fault.empty() ? exit_ok : exit_failed;
  }
  if (!finding->fault.empty()) {
    return context.fail({"the recording is not as it was written: " + finding->fault,
                         std::to_string(finding->pieces) + " pieces before it are"});
  }
  context.out() << finding->pieces << " pieces are as they were written\nhash  " << escape(finding->hash) << '\n';
  if (finding->beyond > 0) {
    context.out() << finding->beyond << " bytes behind them are not vouched for: the recording goes on, or broke off\n";
  }
  return exit_ok;
}

}  // namespace

void add_recording_verbs(CLI::App& app, Context& context) {
  auto* recording = app.add_subcommand("recording", "The recordings of RDP sessions");
  recording->require_subcommand(0, 1);
  recording->footer("Example: gatehouse recording verify /var/lib/gatehouse/recordings/17");
  auto directory = std::make_shared<std::string>();
  auto* verify = recording->add_subcommand("verify", "Whether every byte of a recording is as it was written");
  verify->add_option("directory", *directory, "Of one recording; its name is the session's number")->required();
  verify->footer("Example: gatehouse recording verify /var/lib/gatehouse/recordings/17");
  context.actions[verify] = [&context, directory] { return verify_recording(context, *directory); };
}

}  // namespace gatehouse::cli
