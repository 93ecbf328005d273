#include "policy/engine.h"

#include <algorithm>

namespace gatehouse::policy {
namespace {

// Builds the trace; with none asked for, nothing of it (text, memory) happens.
class Way {
 public:
  explicit Way(Trace* trace) : trace_(trace) {}

  template <typename Finding>
  void step(const char* subject, bool passed, Finding&& finding) const {
    if (trace_ != nullptr) trace_->push_back({subject, passed, finding()});
  }

 private:
  Trace* trace_;
};

Decision denied(Decision so_far, Reason reason, std::optional<WallTime> holds_until = std::nullopt) {
  so_far.allowed = false;
  so_far.reason = reason;
  so_far.holds_until = holds_until;
  return so_far;
}

std::string until_text(std::optional<WallTime> until) {
  return until ? "until " + format_time(*until) : "for ever";
}

std::string finding_on(const CompiledGrant& grant, const GrantTerms& terms, const Policy::ServiceMatch& service,
                       WallTime time) {
  const std::string name = "grant " + grant.name;
  const std::string& protocol = service.service->spec.protocol;
  if (!terms.allows(service.protocol)) return name + " is for " + grant.protocol + ", not for " + protocol;
  if (terms.start > time) return name + " begins " + format_time(terms.start);
  if (terms.end <= time) return name + " ended " + format_time(terms.end);
  return name + " allows " + protocol + " " + until_text(grant.end);
}

Decision decide_on_grants(const Policy& policy, const Policy::SourceMatch& source, const Policy::ServiceMatch& service,
                          WallTime time, Decision so_far, const Way& way) {
  const auto list = policy.grants_of(source.index, service.server_index);
  if (list.terms.empty()) {
    way.step("grant", false, [&] { return "no grant lets " + source.user->name + " reach " + service.server->name; });
    return denied(so_far, Reason::no_matching_policy);
  }
  bool protocol_seen = false;
  WallTime next_start = WallTime::max();
  for (std::size_t i = 0; i < list.terms.size(); ++i) {
    const GrantTerms& terms = list.terms[i];
    const bool of_protocol = terms.allows(service.protocol);
    const bool matches = of_protocol && terms.start <= time && time < terms.end;
    way.step("grant", matches, [&] { return finding_on(list.grants[i], terms, service, time); });
    if (matches) {
      so_far.allowed = true;
      so_far.reason = Reason::allowed;
      so_far.grant = &list.grants[i];
      so_far.holds_until = list.allowed_until(service.protocol, time);
      return so_far;
    }
    protocol_seen = protocol_seen || of_protocol;
    if (of_protocol && terms.start > time) next_start = std::min(next_start, terms.start);
  }
  if (!protocol_seen) return denied(so_far, Reason::protocol_not_allowed);
  if (next_start != WallTime::max()) return denied(so_far, Reason::not_yet_valid, next_start);
  return denied(so_far, Reason::policy_expired);
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
  const auto source = policy.user_at(question.source);
  if (service && source) policy.prefetch_grants(source->index, service->server_index);

  if (const auto ban = snapshot.bans->find(question.source, question.time)) {
    const auto until = snapshot.bans->covered_until(question.source, question.time);
    way.step("ban", false, [&] {
      std::string text = question.source.text() + " is banned by ban " + std::to_string(ban->id) + " of " +
                         ban->network.text() + " " + until_text(ban->expires);
      if (until != ban->expires) text += "; with the other bans that cover it " + until_text(until);
      return text;
    });
    decision.ban_id = ban->id;
    return denied(decision, Reason::banned_source, until);
  }
  way.step("ban", true, [&] { return "no ban covers " + question.source.text(); });

  if (!service) {
    way.step("service", false, [&] {
      return "no service stands on " + Endpoint{question.destination, question.port}.text() + " over " +
             std::string(name(question.transport));
    });
    return denied(decision, Reason::server_not_found);
  }
  decision.service = service->service;
  decision.server = service->server;
  way.step("service", true, [&] {
    return Endpoint{question.destination, question.port}.text() + " is service " + service->service->name + " (" +
           service->service->spec.protocol + ")";
  });
  way.step("server", service->server_active, [&] {
    return "server " + service->server->name + (service->server_active ? " is active" : " is not active");
  });
  if (!service->server_active) return denied(decision, Reason::server_not_found);

  if (!source) {
    way.step("source", false, [&] { return "no user has the source " + question.source.text(); });
    return denied(decision, Reason::unknown_source_ip);
  }
  decision.user = source->user;
  way.step("source", true, [&] {
    return question.source.text() + " is user " + source->user->name + " by source " + source->source.text();
  });
  way.step("user", source->active,
           [&] { return "user " + source->user->name + (source->active ? " is active" : " is not active"); });
  if (!source->active) return denied(decision, Reason::user_inactive);

  return decide_on_grants(policy, *source, *service, question.time, decision, way);
}

}  // namespace gatehouse::policy
