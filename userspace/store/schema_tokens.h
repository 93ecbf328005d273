// The step of the schema that brings the tokens of the API (store/schema.cc lists the steps).
#pragma once

namespace gatehouse::store {

inline constexpr const char* tokens_layout = R"sql(
CREATE TABLE api_tokens(
  name TEXT PRIMARY KEY,
  role TEXT NOT NULL CHECK(role IN ('viewer', 'operator', 'admin')),
  hash BLOB NOT NULL UNIQUE CHECK(length(hash) = 32),
  author TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER
) STRICT, WITHOUT ROWID;
)sql";

}  // namespace gatehouse::store
