// The statements of the table `devices`.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <span>
#include <vector>

#include "store/records.h"

namespace gatehouse::store {

std::vector<DeviceRow> read_devices(SQLite::Database& database);
void replace_devices(SQLite::Database& database, std::span<const DeviceRow> rows);

}  // namespace gatehouse::store
