#include "store/devices.h"

#include <sstream>

#include "store/columns.h"

namespace gatehouse::store {
namespace {

// As texts with blanks between them: there are few, and nobody searches by them.
std::string text_of(const std::vector<Endpoint>& addresses) {
  std::string text;
  for (const auto& each : addresses) text += (text.empty() ? "" : " ") + each.text();
  return text;
}

std::vector<Endpoint> addresses_in(const std::string& text) {
  std::vector<Endpoint> addresses;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto endpoint = Endpoint::parse(word);
    if (!endpoint) throw DamagedRow("a device's address: " + endpoint.error().what);
    addresses.push_back(*endpoint);
  }
  return addresses;
}

}  // namespace

std::vector<DeviceRow> read_devices(SQLite::Database& database) {
  SQLite::Statement select(database,
                           "SELECT id, uuid, public_key, addresses, first_seen, last_seen, identity_since, confirmed, "
                           "identity_confirmed, approved FROM devices");
  std::vector<DeviceRow> rows;
  while (select.executeStep()) {
    RowReader reader(select);
    auto& row = rows.emplace_back();
    row.id = reader.text();
    row.uuid = reader.bytes();
    row.public_key = reader.bytes();
    row.addresses = addresses_in(reader.text());
    row.first_seen = reader.time();
    row.last_seen = reader.time();
    row.identity_since = reader.time();
    row.confirmed = reader.truth();
    row.identity_confirmed = reader.truth();
    row.approved = reader.truth();
  }
  return rows;
}

void replace_devices(SQLite::Database& database, std::span<const DeviceRow> rows) {
  SQLite::Statement replace(database,
                            "INSERT OR REPLACE INTO devices(id, uuid, public_key, addresses, first_seen, last_seen, "
                            "identity_since, confirmed, identity_confirmed, approved) "
                            "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const auto& row : rows) {
    const std::string addresses = text_of(row.addresses);
    Binder(replace)
        .text(row.id)
        .bytes(row.uuid)
        .bytes(row.public_key)
        .text(addresses)
        .time(row.first_seen)
        .time(row.last_seen)
        .time(row.identity_since)
        .number(row.confirmed ? 1 : 0)
        .number(row.identity_confirmed ? 1 : 0)
        .number(row.approved ? 1 : 0);
    execute(replace);
  }
}

}  // namespace gatehouse::store
