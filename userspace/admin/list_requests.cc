// The requests for lists: sessions, visits and the audit, by what they are about, in pages.
#include "admin/request_parts.h"

namespace gatehouse::admin {
namespace {

Result<std::string> as_it_is(std::string_view text) {
  return std::string(text);
}

// What all of them take.
template <typename Request>
void read_common(const Query& query, Request& request, std::optional<Error>& fault) {
  request.user = parameter(query, "user", fault, as_it_is);
  request.source = parameter(query, "source", fault, parse_network);
  request.server = parameter(query, "server", fault, as_it_is);
  request.service = parameter(query, "service", fault, as_it_is);
  request.since = parameter(query, "since", fault, parse_time);
  request.until = parameter(query, "until", fault, parse_time);
  request.before_id = id_before(query, fault).value_or(0);
  request.after_id =
      parameter(query, "after", fault, [](std::string_view text) { return parse_number(text, 0, largest_id); });
  request.limit = limit_of(query, fault).value_or(request.limit);
  if (fault) return;
  if (request.before_id > 0 && request.after_id) {
    fault = Error{"query parameter after: stands beside before", "send one of them"};
  } else if (request.since && request.until && *request.until <= *request.since) {
    fault = Error{"query parameter until: is not after since", "nothing lies between them; let until be later"};
  }
}

void read_of_sessions(const Query& query, SessionsRequest& request, std::optional<Error>& fault) {
  read_common(query, request, fault);
  const auto open = parameter(query, "open", fault, [](std::string_view text) { return parse_number(text, 0, 1); });
  request.only_open = open.value_or(0) == 1;
  request.reason = parameter(query, "reason", fault, [](std::string_view text) -> Result<policy::EndReason> {
    if (const auto reason = policy::end_reason_of(text)) return *reason;
    return failure("'" + std::string(text) + "' is no reason for an end", "docs/policy.md lists them");
  });
}

}  // namespace

Result<SessionsRequest> read_sessions(const Query& query) {
  if (auto known = query.only({"open", "user", "source", "backend", "server", "service", "reason", "since", "until",
                               "before", "after", "limit"});
      !known) {
    return std::unexpected(known.error());
  }
  std::optional<Error> fault;
  SessionsRequest request;
  read_of_sessions(query, request, fault);
  request.backend = parameter(query, "backend", fault, parse_network);
  return finished(std::move(request), fault);
}

Result<VisitsRequest> read_visits(const Query& query) {
  if (auto known = query.only(
          {"open", "user", "source", "server", "service", "reason", "since", "until", "before", "after", "limit"});
      !known) {
    return std::unexpected(known.error());
  }
  std::optional<Error> fault;
  VisitsRequest request;
  read_of_sessions(query, request, fault);
  return finished(std::move(request), fault);
}

Result<AuditRequest> read_audit(const Query& query) {
  if (auto known = query.only(
          {"since", "until", "action", "user", "source", "server", "service", "reason", "before", "after", "limit"});
      !known) {
    return std::unexpected(known.error());
  }
  std::optional<Error> fault;
  AuditRequest request;
  read_common(query, request, fault);
  request.action = parameter(query, "action", fault, [](std::string_view text) -> Result<std::string> {
    if (policy::is_audit_action(text)) return std::string(text);
    return failure("'" + std::string(text) + "' is no action of the audit", "docs/api.md lists them");
  });
  request.reason = parameter(query, "reason", fault, [](std::string_view text) -> Result<policy::Reason> {
    if (const auto reason = policy::reason_of(text)) return *reason;
    return failure("'" + std::string(text) + "' is no reason code", "docs/policy.md lists them");
  });
  return finished(std::move(request), fault);
}

Result<VerifyRequest> read_verify(const Query& query) {
  if (auto known = query.only({"after", "beside", "limit"}); !known) return std::unexpected(known.error());
  std::optional<Error> fault;
  VerifyRequest request;
  const auto after =
      parameter(query, "after", fault, [](std::string_view text) { return parse_number(text, 0, largest_id); });
  request.after = after.value_or(0);
  const auto beside =
      parameter(query, "beside", fault, [](std::string_view text) { return parse_number(text, 0, largest_id); });
  request.beside = beside.value_or(0);
  request.limit = limit_of(query, fault).value_or(request.limit);
  return finished(VerifyRequest(request), fault);
}

}  // namespace gatehouse::admin
