#include <CLI/CLI.hpp>

#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

std::string show_fields(const json& object) {
  std::string text;
  for (const auto& item : object.items()) {
    text += (text.empty() ? "" : ", ") + escape(item.key()) + " " + show(object, item.key().c_str());
  }
  return text.empty() ? "-" : text;
}

std::string guards_of(const json& status) {
  std::string text;
  for (const auto& guard : member(status, "guards")) {
    text += (text.empty() ? "" : ", ") + show(guard, "interface") + " (" + show(guard, "mode") + ")";
  }
  return text.empty() ? "on no interface" : text;
}

std::string features_of(const json& status, bool present) {
  std::string text;
  for (const auto& item : member(status, "features").items()) {
    if (item.value() == present) text += (text.empty() ? "" : ", ") + escape(item.key());
  }
  return text.empty() ? "-" : text;
}

void print_status(const json& status, std::ostream& out) {
  const auto line = [&](std::string name, const std::string& value) {
    name.resize(14, ' ');
    out << name << value << '\n';
  };
  const auto& store = member(status, "store");
  const auto& gate = member(status, "gate");
  line("daemon", show(status, "version") + ", instance " + show(status, "instance") + ", up " +
                     show_seconds(number(status, "uptime_seconds")) + " since " + show_time(show(status, "started")));
  line("policy", "version " + show(status, "policy_version") + ": " + show(status, "users") + " users, " +
                     show(status, "services") + " services, " + show(status, "grants") + " grants");
  line("bans", show(status, "bans"));
  line("sessions", show(status, "sessions_open") + " open, on " + show(status, "loops") + " event loops");
  line("gate", show(gate, "accepted") + " accepted, " + show(gate, "allowed") + " allowed, " + show(gate, "denied") +
                   " denied, " + show(gate, "refused") + " refused, " + show(gate, "ended") + " ended");
  line("bytes", show_bytes(number(gate, "bytes_from_client")) + " from clients, " +
                    show_bytes(number(gate, "bytes_to_client")) + " to clients");
  line("steering", show(status, "steering") + ", enforcement " + show(status, "enforcement"));
  line("guard", guards_of(status));
  line("verdicts", show(status, "verdicts") + " live");
  line("pins", show(status, "pins"));
  line("store", show(store, "queued") + " of " + show(store, "queue_capacity") + " rows waiting, " +
                    show(store, "rows_written") + " written, " + show(store, "failed_writes") + " writes failed");
  line("reconciled",
       show_time(show(status, "last_reconciled")) + ", mended then: " + show_fields(member(status, "drift")));
  line("kernel has", features_of(status, true));
  line("kernel lacks", features_of(status, false));
  Table counters({{"COUNTER"}, {"VALUE", Table::Align::right}});
  for (const auto& item : member(status, "counters").items()) {
    counters.add({escape(item.key()), show(member(status, "counters"), item.key().c_str())});
  }
  if (!counters.empty()) {
    out << '\n';
    counters.print(out);
  }
  for (const auto& alarm : member(status, "alarms")) {
    out << "\nALARM " << show(alarm, "name") << ": " << show(alarm, "what") << ": " << show(alarm, "mend") << '\n';
  }
}

}  // namespace

void add_status_verb(CLI::App& app, Context& context) {
  auto* verb = app.add_subcommand("status", "How the daemon is: policy, sessions, kernel side, counters, alarms");
  verb->footer("Example: gatehouse status");
  context.actions[verb] = [&context] {
    const auto status = context.ask("GET", "/v1/status");
    if (!status) return status.error();
    if (context.json) {
      context.print_json(*status);
    } else {
      print_status(*status, context.out());
    }
    return int{exit_ok};
  };
}

}  // namespace gatehouse::cli
