// The step of the schema by which a grant says how its sessions are recorded, instead of whether (store/schema.cc lists
// the steps).
#pragma once

namespace gatehouse::store {

// The numbers of policy::Recording. What said "recorded" was what every grant says that does not speak of it.
inline constexpr const char* recording_layout = R"sql(
ALTER TABLE grants ADD COLUMN recording INTEGER NOT NULL DEFAULT 0;
UPDATE grants SET recording = 3 WHERE record = 0;
ALTER TABLE grants DROP COLUMN record;
)sql";

}  // namespace gatehouse::store
