#include "policy/engine.h"

#include <algorithm>

#include "policy/judgement.h"

namespace gatehouse::policy {
namespace {

bool judge_name_bans(const Snapshot& snapshot, const Question& question,
                     const std::optional<Policy::SourceMatch>& source,
                     const std::optional<Policy::ServiceMatch>& service, Decision& decision, const Way& way) {
  const NameBans& bans = snapshot.bans->names();
  if (bans.empty()) return false;
  const auto banned = [&](Subject subject, std::string_view name, const char* word, Reason reason) {
    const auto* ban = bans.find(subject, name, question.time);
    if (ban == nullptr) return false;
    way.step("ban", false, [&] {
      return std::string(word) + " " + ban->name + " is banned by ban " + std::to_string(ban->id) + " " +
             until_text(ban->expires);
    });
    deny(decision, reason, ban->expires);
    decision.ban_id = ban->id;
    if (source) decision.user = source->user;
    if (service) decision.service = service->service;
    if (service) decision.server = service->server;
    return true;
  };
  if ((source && banned(Subject::user, source->user->name, "user", Reason::banned_user)) ||
      (service && banned(Subject::server, service->server->name, "server", Reason::banned_backend)) ||
      (question.device && banned(Subject::device, *question.device, "device", Reason::banned_device))) {
    return true;
  }
  way.step("ban", true, [] { return std::string("no ban is on user, server or device"); });
  return false;
}

// True where the user is turned away; otherwise `next` is when a maintenance will end the session.
bool judge_maintenance(const Case& asked, Decision& decision, WallTime& next) {
  const auto& table = asked.policy.maintenance();
  const MaintenanceTable::Asked when{asked.source.index, asked.service.server_index, asked.question.time,
                                     asked.question.live};
  const auto* found = table.find(when);
  if (found == nullptr) {
    next = table.next_start(when);
    asked.way.step("maintenance", true, [&] {
      return next == WallTime::max() ? std::string("no maintenance turns the user away")
                                     : "no maintenance turns the user away before " + format_time(next);
    });
    return false;
  }
  const bool begun = found->start <= asked.question.time;
  const Reason reason = !begun           ? Reason::maintenance_grace_period
                        : found->of_gate ? Reason::gate_maintenance
                                         : Reason::backend_maintenance;
  const WallTime until = table.covered_until(when);
  asked.way.step("maintenance", false, [&] {
    return (found->of_gate ? "the gate" : "server " + asked.service.server->name) +
           (begun ? " is in maintenance " : " will be in maintenance from " + format_time(found->start) + " on, ") +
           found->name + ", until " + format_time(until);
  });
  deny(decision, reason, until);
  decision.maintenance = found;
  return true;
}

// Of a service that is there: who asks, and may they.
void judge_user(const Policy& policy, const Question& question, const std::optional<Policy::SourceMatch>& source,
                const Policy::ServiceMatch& service, Decision& decision, const Way& way) {
  if (!source) {
    way.step("source", false, [&] {
      return question.user ? "there is no user " + std::string(*question.user)
                           : "no user has the source " + question.source.text();
    });
    deny(decision, Reason::unknown_source_ip);
    return;
  }
  decision.user = source->user;
  way.step("source", true, [&] {
    return question.source.text() + " is user " + source->user->name +
           (question.user ? " by what the decision hook said" : " by source " + source->source.text());
  });
  way.step("user", source->active,
           [&] { return "user " + source->user->name + (source->active ? " is active" : " is not active"); });
  if (!source->active) {
    deny(decision, Reason::user_inactive);
    return;
  }

  const Case asked{policy, question, *source, service, way};
  WallTime maintained = WallTime::max();
  if (service.maintained || policy.maintenance().gate_has_any()) {
    if (judge_maintenance(asked, decision, maintained)) return;
  }
  WallTime next_denial = WallTime::max();
  if (!policy.denials().empty()) {
    if (judge_denials(asked, decision, next_denial)) return;
  }
  judge_grants(asked, decision, std::min(maintained, next_denial));
}

}  // namespace

Decision decide(const Snapshot& snapshot, const Question& question, Trace* trace) {
  const Way way(trace);
  Decision decision;
  if (!snapshot.policy || !snapshot.bans) {
    way.step("snapshot", false, [] { return std::string("no policy or no ban list is loaded: everything is denied"); });
    return decision;
  }
  const Policy& policy = *snapshot.policy;
  // All tables are asked before the first answer is looked at: most of the time of a decision is waiting for memory.
  policy.prefetch(question.source, question.destination, question.port, question.transport);
  snapshot.bans->prefetch(question.source);
  const auto service = policy.match_service(question.destination, question.port, question.transport);
  const auto source =
      question.user ? policy.user_named(*question.user, question.source) : policy.user_at(question.source);
  if (service && source) policy.prefetch_rules(source->index, service->server_index);

  if (const auto ban = snapshot.bans->find(question.source, question.time)) {
    const auto until = snapshot.bans->covered_until(question.source, question.time);
    way.step("ban", false, [&] {
      std::string text = question.source.text() + " is banned by ban " + std::to_string(ban->id) + " of " +
                         ban->network.text() + " " + until_text(ban->expires);
      if (until != ban->expires) text += "; with the other bans that cover it " + until_text(until);
      return text;
    });
    decision.ban_id = ban->id;
    deny(decision, Reason::banned_source, until);
    return decision;
  }
  way.step("ban", true, [&] { return "no ban covers " + question.source.text(); });
  if (judge_name_bans(snapshot, question, source, service, decision, way)) return decision;

  if (!service) {
    way.step("service", false, [&] {
      return "no service stands on " + Endpoint{question.destination, question.port}.text() + " over " +
             std::string(name(question.transport));
    });
    deny(decision, Reason::server_not_found);
    return decision;
  }
  decision.service = service->service;
  decision.server = service->server;
  const bool ended = service->ends && question.time >= *service->service->spec.until;
  way.step("service", !ended, [&] {
    return Endpoint{question.destination, question.port}.text() + " is service " + service->service->name + " (" +
           service->service->spec.protocol + ")" +
           (service->ends ? (ended ? ", which ended at " : ", until ") + format_time(*service->service->spec.until)
                          : std::string());
  });
  if (ended) {
    deny(decision, Reason::server_not_found);
    return decision;
  }
  way.step("server", service->server_active, [&] {
    return "server " + service->server->name + (service->server_active ? " is active" : " is not active");
  });
  if (!service->server_active) {
    deny(decision, Reason::server_not_found);
    return decision;
  }

  judge_user(policy, question, source, *service, decision, way);
  if (service->ends) {
    const WallTime end = *service->service->spec.until;
    decision.holds_until = std::min(decision.holds_until.value_or(end), end);
  }
  return decision;
}

}  // namespace gatehouse::policy
