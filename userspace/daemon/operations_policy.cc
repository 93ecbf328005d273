// Daemon: plan, apply and check.
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"
#include "daemon/json.h"
#include "policy/loader.h"

namespace gatehouse::daemon {
namespace {

nlohmann::json json_of_changes(const std::vector<policy::Change>& changes) {
  auto list = nlohmann::json::array();
  for (const auto& change : changes) {
    const char* verb = change.verb == policy::Change::Verb::add      ? "add"
                       : change.verb == policy::Change::Verb::remove ? "remove"
                                                                     : "modify";
    list.push_back({{"verb", verb}, {"section", change.section}, {"name", change.name}, {"details", change.details}});
  }
  return list;
}

std::unexpected<admin::Fault> faulty_policy(const Issues& issues) {
  const auto count = std::to_string(issues.list().size());
  return std::unexpected(admin::Fault{
      400,
      {"the policy has " + count + (issues.list().size() == 1 ? " fault" : " faults") + ", nothing was applied",
       "mend them and try again"},
      issues.list()});
}

}  // namespace

admin::Outcome Daemon::plan(const std::vector<policy::SourceText>& texts) {
  const auto document = policy::load(texts);
  if (!document) return faulty_policy(document.error());
  const auto changes = policy::difference(snapshot_.policy->document(), *document);
  return nlohmann::json{{"policy_version", snapshot_.policy->version()},
                        {"changes", json_of_changes(changes)},
                        {"text", policy::text_of(changes)}};
}

admin::Outcome Daemon::apply(const std::vector<policy::SourceText>& texts,
                             std::optional<std::uint64_t> expected_version, const admin::Peer& peer) {
  const auto document = policy::load(texts);
  if (!document) return faulty_policy(document.error());
  const auto current = snapshot_.policy->version();
  if (expected_version && *expected_version != current) {
    return fault(409, {"the policy is at version " + std::to_string(current) +
                           " now, the change was planned for version " + std::to_string(*expected_version),
                       "look at the difference again, then apply"});
  }
  const auto changes = policy::difference(snapshot_.policy->document(), *document);
  nlohmann::json answer{{"policy_version", current},
                        {"changes", json_of_changes(changes)},
                        {"text", policy::text_of(changes)},
                        {"sessions_ended", 0},
                        {"verdicts_removed", 0}};
  if (changes.empty()) {
    // Applied again after the kernel refused it: that is what is wanted.
    if (alarms_.is_raised("steering")) {
      const auto steered = steer(*snapshot_.policy);
      alarms_.follow("steering", steered);
      if (!steered) return not_taken_by_the_kernel(current, steered.error());
    }
    return answer;
  }

  auto version =
      store_->save_policy(*document, current, audit_of("policy_applied", peer.text(), policy::text_of(changes)));
  if (!version) return unavailable(version.error());
  const auto consequences = put_in_force({policy::Policy::compile(*document, *version), snapshot_.bans});
  events_->policy_applied(*version, peer.text(), consequences.sessions_ended);
  spdlog::info("policy version {} is in force, applied by {}: {} changes, {} sessions ended, {} verdicts removed",
               *version, peer.text(), changes.size(), consequences.sessions_ended, consequences.verdicts_removed);
  if (consequences.fault) return not_taken_by_the_kernel(*version, *consequences.fault);
  answer["policy_version"] = *version;
  answer["sessions_ended"] = consequences.sessions_ended;
  answer["verdicts_removed"] = consequences.verdicts_removed;
  return answer;
}

admin::Outcome Daemon::not_taken_by_the_kernel(std::uint64_t version, const Error& error) const {
  return fault(500, {"policy version " + std::to_string(version) +
                         " is stored and in force in the daemon, but the kernel did not take it: " + error.what,
                     "it is tried again every " + format_duration(configuration_.reconcile_every) +
                         (error.mend.empty() ? "; see `gatehouse doctor`" : "; " + error.mend)});
}

admin::Outcome Daemon::check(const admin::CheckRequest& request) {
  policy::Trace trace;
  policy::Question question{request.source,    request.destination.address,  request.destination.port,
                            request.transport, request.time.value_or(now()), std::nullopt};
  if (request.login) question.login = *request.login;
  if (const auto user = snapshot_.policy->user_at(request.source)) {
    question.open_sessions = gate_->sessions_of(user->user->name);
  }
  const auto decision = policy::decide(snapshot_, question, &trace);
  auto steps = nlohmann::json::array();
  for (const auto& step : trace)
    steps.push_back({{"subject", step.subject}, {"passed", step.passed}, {"finding", step.finding}});
  const auto name_of = [](const auto* thing) {
    return thing != nullptr ? nlohmann::json(thing->name) : nlohmann::json(nullptr);
  };
  nlohmann::json answer{{"allowed", decision.allowed},
                        {"reason", policy::name(decision.reason)},
                        {"description", policy::describe(decision.reason)},
                        {"holds_until", json_of(decision.holds_until)},
                        {"user", name_of(decision.user)},
                        {"service", name_of(decision.service)},
                        {"server", name_of(decision.server)},
                        {"grant", name_of(decision.grant)},
                        {"ban_id", decision.ban_id},
                        {"backend", nullptr},
                        {"policy_version", snapshot_.policy->version()},
                        {"steps", std::move(steps)},
                        {"kernel_verdict", nullptr}};
  if (decision.server != nullptr && decision.service != nullptr) {
    answer["backend"] = Endpoint{decision.server->address, decision.service->spec.backend_port}.text();
  }
  const auto verdicts = dataplane_->verdicts();
  if (!verdicts) return unavailable(verdicts.error());
  for (const auto& verdict : *verdicts) {
    if (verdict.source == request.source && verdict.destination == request.destination &&
        verdict.transport == request.transport) {
      answer["kernel_verdict"] = {
          {"expires", format_time(verdict.expires)}, {"reason", policy::name(verdict.reason)}, {"hits", verdict.hits}};
    }
  }
  return answer;
}

}  // namespace gatehouse::daemon
