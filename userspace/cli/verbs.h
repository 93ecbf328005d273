// The verbs of the command, a file for each group of them. Each function adds its subcommands to `app` and its actions
// to `context`, which outlives the parsing and the action.
#pragma once

#include "cli/context.h"

namespace gatehouse::cli {

void add_status_verb(CLI::App& app, Context& context);
void add_apply_verb(CLI::App& app, Context& context);
void add_check_verb(CLI::App& app, Context& context);
void add_sessions_verbs(CLI::App& app, Context& context);
void add_visits_verb(CLI::App& app, Context& context);
void add_ban_verbs(CLI::App& app, Context& context);
void add_device_verbs(CLI::App& app, Context& context);
void add_device_ban_verbs(CLI::App& device, Context& context);
void add_device_watch_verb(CLI::App& device, Context& context);
void add_audit_verb(CLI::App& app, Context& context);
void add_audit_verify_verb(CLI::App& audit, Context& context);
void add_doctor_verb(CLI::App& app, Context& context);
void add_daemon_verbs(CLI::App& app, Context& context);  // reload, restart
void add_watch_verb(CLI::App& app, Context& context);
void add_policy_verbs(CLI::App& app, Context& context);  // policy, export
void add_user_verbs(CLI::App& app, Context& context);
void add_group_verbs(CLI::App& app, Context& context);  // group, server-group
void add_server_verbs(CLI::App& app, Context& context);
void add_service_verbs(CLI::App& app, Context& context);
void add_pool_verbs(CLI::App& app, Context& context);
void add_schedule_verbs(CLI::App& app, Context& context);
void add_maintenance_verbs(CLI::App& app, Context& context);
void add_grant_verbs(CLI::App& app, Context& context);
void add_revoke_verbs(CLI::App& app, Context& context);     // revoke, renew
void add_authority_verbs(CLI::App& app, Context& context);  // ca
void add_recording_verbs(CLI::App& app, Context& context);
void add_account_verbs(CLI::App& app, Context& context);
void add_credential_verbs(CLI::App& app, Context& context);
void add_recordings_verbs(CLI::App& recording, Context& context);  // list, search, prune
void add_token_verbs(CLI::App& app, Context& context);
void add_completion_verb(CLI::App& app, Context& context);

}  // namespace gatehouse::cli
