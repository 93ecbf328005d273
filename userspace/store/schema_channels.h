// The step of the schema that brings the dynamic channels that grants name (store/schema.cc lists the steps).
#pragma once

namespace gatehouse::store {

inline constexpr const char* dynamic_channels_layout = R"sql(
CREATE TABLE grant_dynamic_channels(
  grant_name TEXT NOT NULL REFERENCES grants(name),
  position INTEGER NOT NULL,
  channel TEXT NOT NULL,
  PRIMARY KEY(grant_name, position)
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace gatehouse::store
