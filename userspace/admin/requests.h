// The requests of the API, from their bytes to the structs of Operations. Pure: `now` comes from the caller. Nothing is
// guessed: an unknown key, a wrong type, a value out of range is an error that names its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/event_hub.h"
#include "admin/operations.h"
#include "admin/query.h"

namespace gatehouse::admin {

inline constexpr std::size_t most_rows = 100'000;  // that can be asked for at once; an answer may have fewer

struct PolicyRequest {
  std::vector<policy::SourceText> files;
  std::optional<std::uint64_t> expected_version;
};
struct KillRequest {
  std::vector<std::uint64_t> ids;
  std::optional<std::string> user;  // exactly one of the two says something
};

Result<void> read_nothing(std::string_view body);  // empty, or {}
Result<PolicyRequest> read_plan(std::string_view body);
Result<PolicyRequest> read_apply(std::string_view body);  // may carry expected_version
Result<CheckRequest> read_check(std::string_view body);
Result<KillRequest> read_kill(std::string_view body);
// token_requests.cc
Result<TokenRequest> read_add_token(std::string_view body, WallTime now);
Result<std::vector<std::string>> read_remove_tokens(std::string_view body);
Result<std::string> read_trust(std::string_view body);  // the server's name
// secret_requests.cc
Result<AccountRequest> read_set_account(std::string_view body);
Result<std::string> read_remove_account(std::string_view body);  // its name
Result<CredentialRequest> read_set_credential(std::string_view body);
Result<CredentialName> read_remove_credential(std::string_view body);
// event_requests.cc
Result<EventFilter> read_events(const Query& query);
// ban_requests.cc
Result<std::vector<BanRequest>> read_add_bans(std::string_view body, WallTime now);
Result<RemoveBansRequest> read_remove_bans(std::string_view body);
Result<BansRequest> read_bans(const Query& query);
Result<BansRequest> read_ban_history(const Query& query);

// device_requests.cc
Result<DevicesRequest> read_devices(const Query& query);
Result<std::string> read_device(std::string_view part);  // of a path
Result<ApproveRequest> read_approve(std::string_view body);
Result<DeviceBanImport> read_import_bans(std::string_view body);

Result<std::optional<std::uint64_t>> read_policy_version(const Query& query);
Result<VersionsRequest> read_policy_versions(const Query& query);
// recording_requests.cc
struct RecordingSearch {
  RecordingsRequest where;
  std::string text;
};
Result<RecordingsRequest> read_recordings(const Query& query);
Result<RecordingSearch> read_recording_search(const Query& query);
Result<PruneRequest> read_prune(std::string_view body);
Result<std::uint64_t> read_pass(const Query& query);
// list_requests.cc
Result<SessionsRequest> read_sessions(const Query& query);
Result<VisitsRequest> read_visits(const Query& query);
Result<AuditRequest> read_audit(const Query& query);
Result<VerifyRequest> read_verify(const Query& query);

}  // namespace gatehouse::admin
