// recording: verify, export and the key. What lists, finds and removes recordings is in verb_recordings.cc.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "cli/arguments.h"
#include "cli/files.h"
#include "cli/recording_export.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "rdp/recording_verify.h"

namespace gatehouse::cli {
namespace {

struct RecordingOptions {
  std::string which{};
  std::string key{};
  std::string to{};
};

struct Chosen {
  std::filesystem::path place;
  std::string name;
  std::optional<std::uint64_t> session;
  std::string key;  // PEM; empty: nobody knows it
};

// A session's number is asked for at the daemon, as is the key; of a directory the key only where it is given.
std::expected<Chosen, int> choose(const Context& context, const RecordingOptions& options) {
  Chosen chosen{.place = options.which, .name = options.which, .session = std::nullopt, .key = {}};
  const bool is_number = options.which.find_first_not_of("0123456789") == std::string::npos;
  if (is_number) {
    const auto session = parse_session_id(options.which);
    if (!session) return std::unexpected(context.fail(session.error(), exit_usage));
    const auto answer = context.ask("GET", "/v1/recordings/key");
    if (!answer) return std::unexpected(answer.error());
    chosen.session = *session;
    chosen.place = std::filesystem::path(answer->value("directory", std::string())) / options.which;
    chosen.key = answer->value("key", std::string());
  } else if (!chosen.place.has_filename()) {
    chosen.place = chosen.place.parent_path();
  }
  if (!options.key.empty()) {
    auto key = read_text(options.key, context.console().in);
    if (!key) return std::unexpected(context.fail(key.error()));
    chosen.key = std::move(*key);
  }
  return chosen;
}

nlohmann::json json_of(const rdp::RecordingFinding& finding) {
  nlohmann::json answer{{"pieces", finding.pieces},
                        {"hash", finding.hash},
                        {"ended", finding.ended},
                        {"bytes_beyond", finding.beyond},
                        {"unchecked", finding.unchecked},
                        {"fault", finding.fault.empty() ? nlohmann::json(nullptr) : nlohmann::json(finding.fault)}};
  if (const auto& identity = finding.identity) {
    answer["session"] = identity->session;
    answer["user"] = identity->user;
    answer["server"] = identity->server;
    answer["started"] = identity->started;
    answer["gateway"] = rdp::hexadecimal(identity->gateway);
  }
  return answer;
}

int verify_recording(const Context& context, const RecordingOptions& options) {
  const auto chosen = choose(context, options);
  if (!chosen) return chosen.error();
  std::optional<rdp::PublicKey> key;
  if (!chosen->key.empty()) {
    const auto read = rdp::public_key_of(chosen->key);
    if (!read) return context.fail(read.error());
    key = *read;
  }
  const auto finding = rdp::verify_recording(chosen->place, key, chosen->session);
  if (!finding) return context.fail(finding.error());
  const bool good = finding->fault.empty();
  if (context.json) {
    context.print_json(json_of(*finding));
    return good ? exit_ok : exit_failed;
  }
  if (!good) {
    return context.fail({"the recording is not as it was written: " + finding->fault,
                         std::to_string(finding->pieces) + " pieces before it are"});
  }
  const auto& identity = *finding->identity;
  context.out() << "session " << identity.session << ": user " << escape(identity.user) << ", server "
                << escape(identity.server) << ", " << show_time(escape(identity.started)) << "\n"
                << finding->pieces << " pieces are as they were written, and signed"
                << (finding->ended ? ", and none is missing" : "") << "\nhash  " << escape(finding->hash) << '\n';
  if (finding->beyond > 0) {
    context.out() << finding->beyond << " bytes behind them are not vouched for\n";
  }
  for (const auto& each : finding->unchecked) context.out() << "not checked: " << escape(each) << '\n';
  return exit_ok;
}

int export_one(const Context& context, const RecordingOptions& options) {
  const auto chosen = choose(context, options);
  if (!chosen) return chosen.error();
  auto key = chosen->key;
  if (key.empty()) {
    const auto answer = context.ask("GET", "/v1/recordings/key");
    if (!answer) return answer.error();
    key = answer->value("key", std::string());
  }
  const auto name = chosen->place.filename().string();
  const auto copied = export_recording(chosen->place, name, key, options.to);
  if (!copied) return context.fail(copied.error());
  if (context.json) {
    context.print_json({{"id", name}, {"to", options.to}, {"bytes", *copied}});
  } else {
    context.out() << show_bytes(static_cast<double>(*copied)) << " in " << escape(options.to)
                  << "; HOW-TO-VERIFY.txt says how to verify it\n";
  }
  return exit_ok;
}

int show_key(const Context& context) {
  const auto answer = context.ask("GET", "/v1/recordings/key");
  if (!answer) return answer.error();
  if (context.json) {
    context.print_json(*answer);
    return exit_ok;
  }
  // Line by line, for nothing else may come out of the daemon's answer.
  const auto pem = answer->value("key", std::string());
  for (std::size_t at = 0; at < pem.size();) {
    const auto end = std::min(pem.find('\n', at), pem.size());
    context.out() << escape(pem.substr(at, end - at)) << '\n';
    at = end + 1;
  }
  return exit_ok;
}

}  // namespace

void add_recording_verbs(CLI::App& app, Context& context) {
  auto* recording = app.add_subcommand("recording", "The recordings of RDP sessions");
  recording->require_subcommand(0, 1);
  recording->footer("Example: gatehouse recording list --user bob");
  add_recordings_verbs(*recording, context);
  auto options = std::make_shared<RecordingOptions>();

  auto* verify = recording->add_subcommand("verify", "Whether every byte of a recording is as it was written");
  verify->add_option("recording", options->which, "A session's number, or a directory with one recording")->required();
  verify->add_option("--key", options->key, "The gateway's public key, in a file: what `recording key` prints there");
  verify->footer("Example: gatehouse recording verify 17");

  auto* copy = recording->add_subcommand("export", "Copy a recording, with what is needed to verify it elsewhere");
  copy->add_option("recording", options->which, "A session's number, or a directory with one recording")->required();
  copy->add_option("--to", options->to, "A directory to be made, or a file whose name ends with .tar")->required();
  copy->add_option("--key", options->key, "The gateway's public key, in a file, where the daemon is not asked for it");
  copy->footer("Example: gatehouse recording export 17 --to case-4711.tar");

  auto* key = recording->add_subcommand("key", "The gateway's public key, which vouches for recordings, in PEM");
  key->footer("Example: gatehouse recording key > gateway-key.pem");

  context.actions[verify] = [&context, options] { return verify_recording(context, *options); };
  context.actions[copy] = [&context, options] { return export_one(context, *options); };
  context.actions[key] = [&context] { return show_key(context); };
}

}  // namespace gatehouse::cli
