#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

struct VerifyOptions {
  std::uint64_t at = 0;
  std::string expected;
};

constexpr std::uint64_t audit_rows_at_a_time = 10'000;  // a fraction of a second of the daemon's control thread

std::uint64_t number_of(const json& answer, const char* key) {
  return static_cast<std::uint64_t>(std::max(0.0, number(answer, key)));
}

bool is_right(const json& answer) {
  return show(answer, "fault") == "-";
}

// The position of the last row that retention removed; 0: none.
std::uint64_t cut_of(const json& answer) {
  return number_of(member(answer, "cut"), "position");
}

void tell_whole(const Context& context, const json& answer) {
  const auto last = number_of(answer, "position");
  const auto cut = cut_of(answer);
  context.out() << "The audit is whole: " << last - std::min(cut, last) << " rows";
  if (cut > 0) context.out() << " after position " << cut << "; those up to there were removed by retention";
  context.out() << ".\nNote this elsewhere: --at " << last << " --hash " << show(answer, "hash") << '\n';
}

int verify(const Context& context, const VerifyOptions& options) {
  if ((options.at == 0) != options.expected.empty()) {
    return context.fail({"--at and --hash belong together", "give both as they were noted, or none"}, exit_usage);
  }
  std::uint64_t after = 0;
  std::uint64_t beside = 0;
  bool found_noted = options.at == 0;
  bool noted_removed = false;
  json answer;
  do {
    const auto before = std::pair(after, beside);
    auto limit = audit_rows_at_a_time;
    if (after < options.at) limit = std::min(limit, options.at - after);  // a step ends at the position that was noted
    auto step = context.ask("GET", "/v1/audit/verify?after=" + std::to_string(after) +
                                       "&beside=" + std::to_string(beside) + "&limit=" + std::to_string(limit));
    if (!step) return step.error();
    answer = std::move(*step);
    after = number_of(answer, "position");
    beside = number_of(answer, "beside");
    noted_removed = !found_noted && options.at < cut_of(answer);
    if (std::pair(after, beside) == before && is_right(answer) && !is_true(answer, "complete")) {
      return context.fail({"the daemon does not get on with the audit", "look at its log"});
    }
    if (is_right(answer) && after == options.at && !found_noted) {
      found_noted = show(answer, "hash") == options.expected;
      if (!found_noted) {
        answer["fault"] =
            "another hash was noted at this position: the chain was made anew, or the note is of another one";
      }
    }
  } while (!is_true(answer, "complete") && is_right(answer));
  if (is_right(answer) && !found_noted && !noted_removed) {
    answer["fault"] = "the chain ends before the position that was noted: its end was cut off";
  }
  const bool whole = is_right(answer);
  if (whole && noted_removed) {
    answer["fault"] =
        "the position that was noted was removed by retention, and cannot be compared: the chain begins "
        "after position " +
        std::to_string(cut_of(answer));
  }
  const bool right = is_right(answer);
  if (context.json) {
    context.print_json(answer);
  } else if (whole) {
    tell_whole(context, answer);
    if (!right) context.console().err << "gatehouse: " << show(answer, "fault") << '\n';
  } else {
    context.console().err << "gatehouse: the audit is not what was written. After position " << after << ": "
                          << show(answer, "fault") << '\n';
  }
  return right ? exit_ok : exit_failed;
}

}  // namespace

void add_audit_verify_verb(CLI::App& audit, Context& context) {
  auto options = std::make_shared<VerifyOptions>();
  auto* verb = audit.add_subcommand("verify", "Whether rows were removed, changed or put in since they were written");
  verb->add_option("--at", options->at, "A position that was noted before, with --hash")->check(CLI::PositiveNumber);
  verb->add_option("--hash", options->expected, "The hash that was noted at this position");
  verb->footer("Example: gatehouse audit verify --at 4711 --hash 5f1d...");
  context.actions[verb] = [&context, options] { return verify(context, *options); };
}

}  // namespace gatehouse::cli
