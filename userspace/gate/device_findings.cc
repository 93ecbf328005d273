#include "gate/device_findings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gatehouse::gate {
namespace {

rustdesk::InitiatorPolicy policy_of(policy::InitiatorRule rule) {
  switch (rule) {
    case policy::InitiatorRule::allow:
      return rustdesk::InitiatorPolicy::allow;
    case policy::InitiatorRule::deny:
      return rustdesk::InitiatorPolicy::deny;
    case policy::InitiatorRule::force_relay:
      return rustdesk::InitiatorPolicy::force_relay;
    case policy::InitiatorRule::require_token:
      return rustdesk::InitiatorPolicy::require_token;
  }
  return rustdesk::InitiatorPolicy::deny;
}

}  // namespace

// Ids come from the network: they are shown as they are only where they are what an id may be.
std::string text_of(const rustdesk::Finding& finding) {
  const auto shown = [](const std::string& id) { return policy::is_device_id(id) ? id : std::string("(unreadable)"); };
  std::string text = fmt::format("{} {}", rustdesk::name(finding.check), rustdesk::name(finding.code));
  std::vector<std::string> initiators;
  initiators.reserve(finding.initiators.size());
  for (const auto& id : finding.initiators) initiators.push_back(shown(id));
  if (finding.more_initiators) initiators.emplace_back("...");
  if (finding.evidence != rustdesk::Evidence::none) {
    text += fmt::format(", initiator {}{}{} ({})", rustdesk::name(finding.outcome), initiators.empty() ? "" : " ",
                        fmt::join(initiators, " "), rustdesk::name(finding.evidence));
  }
  if (!finding.target.empty()) text += ", target " + shown(finding.target);
  if (!finding.uuid.empty()) text += ", uuid " + shown(finding.uuid);
  if (finding.ban) text += fmt::format(", ban {}", *finding.ban);
  return text;
}

rustdesk::ServiceOptions rustdesk_options_of(const policy::RustDeskOptions& options) {
  rustdesk::ServiceOptions judged;
  judged.initiator_known = policy_of(options.initiator_known);
  judged.initiator_ambiguous = policy_of(options.initiator_ambiguous);
  judged.initiator_unknown = policy_of(options.initiator_unknown);
  judged.strict_tickets = options.relay_tickets == policy::RelayTickets::strict;
  judged.approve_enrolment = options.enrolment == policy::Enrolment::approve;
  judged.incoming_only = {options.incoming_only.begin(), options.incoming_only.end()};
  judged.watched = {options.watched.begin(), options.watched.end()};
  judged.operators = {options.operators.begin(), options.operators.end()};
  if (!options.refusal_text.empty()) judged.refusal_text = options.refusal_text;
  return judged;
}

}  // namespace gatehouse::gate
