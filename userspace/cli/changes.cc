#include "cli/changes.h"

#include "cli/text.h"

namespace gatehouse::cli {

void print_changes(const nlohmann::json& changes, std::ostream& out) {
  for (const auto& change : changes) {
    const auto verb = show(change, "verb");
    out << (verb == "add"      ? "+ "
            : verb == "remove" ? "- "
                               : "~ ")
        << show(change, "section") << " " << show(change, "name") << '\n';
    for (const auto& detail : member(change, "details")) {
      out << "    " << show(detail) << '\n';
    }
  }
}

void print_in_force(const nlohmann::json& applied, std::ostream& out) {
  out << "\nPolicy version " << show(applied, "policy_version") << " is in force: " << show(applied, "sessions_ended")
      << " sessions ended, " << show(applied, "verdicts_removed") << " verdicts removed.\n";
}

}  // namespace gatehouse::cli
