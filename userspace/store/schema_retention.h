// The step of the schema that brings the indexes of the searches (store/schema.cc lists the steps).
#pragma once

namespace gatehouse::store {

// Each of these costs at every connection: only what finds few rows among many has one, and only rows that have
// something to be found by are in it. Time has none: ids grow with it (store/listing.h).
inline constexpr const char* search_layout = R"sql(
CREATE INDEX audit_by_user ON audit(user_name) WHERE user_name <> '';
CREATE INDEX audit_by_source ON audit(source) WHERE source IS NOT NULL;
CREATE INDEX audit_by_reason ON audit(reason) WHERE reason > 0;
CREATE INDEX sessions_by_user ON sessions(user_name);
CREATE INDEX sessions_by_client ON sessions(client);
CREATE INDEX sessions_by_visit ON sessions(visit_id, server_name, service_name);
CREATE INDEX visits_by_user ON visits(user_name);
CREATE INDEX audit_chain_by_audit ON audit_chain(audit_id);
)sql";

}  // namespace gatehouse::store
