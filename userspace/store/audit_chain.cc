#include "store/audit_chain.h"

#include <sodium.h>

#include <string_view>
#include <vector>

#include "store/audit.h"
#include "store/audit_cut.h"
#include "store/columns.h"

namespace gatehouse::store {
namespace {

class Hasher {
 public:
  Hasher() { crypto_hash_sha256_init(&state_); }
  void bytes(const void* data, std::size_t size) {
    crypto_hash_sha256_update(&state_, static_cast<const unsigned char*>(data), size);
  }
  void number(std::uint64_t value) {
    std::array<std::uint8_t, 8> encoded{};
    for (std::size_t i = 0; i < encoded.size(); ++i) encoded.at(i) = static_cast<std::uint8_t>(value >> (8 * i));
    bytes(encoded.data(), encoded.size());
  }
  void text(std::string_view value) {
    number(value.size());
    bytes(value.data(), value.size());
  }
  void presence(bool there) {
    const std::uint8_t byte = there ? 1 : 0;
    bytes(&byte, 1);
  }
  ChainHash finish() {
    ChainHash hash{};
    crypto_hash_sha256_final(&state_, hash.data());
    return hash;
  }

 private:
  crypto_hash_sha256_state state_{};
};

ChainHash hash_column(SQLite::Statement& row, int column) {
  return RowReader(row, column).blob<std::tuple_size_v<ChainHash>>();
}

ChainPlace read_head(SQLite::Database& database) {
  SQLite::Statement select(database, "SELECT position, hash FROM audit_head WHERE id = 1");
  if (!select.executeStep()) throw DamagedRow("the head of the audit's chain is missing");
  return {static_cast<std::uint64_t>(select.getColumn(0).getInt64()), hash_column(select, 1)};
}

// Where a look at the chain begins that has come to `after`: nullopt where nothing stands there.
std::optional<ChainPlace> place_at(SQLite::Database& database, std::uint64_t after, const std::optional<Cut>& cut) {
  if (cut && after <= cut->place.position) return cut->place;
  if (after == 0) return ChainPlace{};
  SQLite::Statement select(database, "SELECT hash FROM audit_chain WHERE position = ?");
  Binder(select).number(after);
  if (!select.executeStep()) return std::nullopt;
  return ChainPlace{after, hash_column(select, 0)};
}

struct Link {
  AuditRow row;
  ChainHash hash{};
};

// What stands at this position, where its hash is that of the row: nullopt where it is not, or the row is none that
// this program has written.
std::optional<Link> link_as_written(SQLite::Statement& rows, const ChainHash& before, std::uint64_t position) {
  try {
    Link link{.row = audit_row_of(rows, 3), .hash = hash_column(rows, 2)};
    if (link.hash == chain_hash(before, position, link.row)) return link;
  } catch (const DamagedRow&) {
    return std::nullopt;
  }
  return std::nullopt;
}

// At the end of the chain: it must end where the head says.
void verify_head(SQLite::Database& database, AuditFinding& finding, const ChainHash& last) {
  const auto head = read_head(database);
  if (head.position != finding.position) {
    finding.fault = head.position > finding.position ? "the rows after this position were removed"
                                                     : "rows were added after the head of the chain";
    return;
  }
  if (head.hash != last) {
    finding.fault = "the head of the chain is not the hash of its last row";
  }
}

// Whether rows of the audit stand beside the chain.
void verify_rows(SQLite::Database& database, AuditFinding& finding, std::size_t limit) {
  SQLite::Statement rows(database,
                         "SELECT id, EXISTS(SELECT 1 FROM audit_chain WHERE audit_id = audit.id) FROM audit "
                         "WHERE id > ? ORDER BY id LIMIT ?");
  Binder(rows).number(finding.beside).number(static_cast<std::uint64_t>(row_limit(limit)));
  std::size_t seen = 0;
  while (rows.executeStep()) {
    RowReader reader(rows);
    const auto id = reader.number();
    if (!reader.truth()) {
      finding.fault = "the audit row " + std::to_string(id) + " is not in the chain: it was put in by another program";
      break;
    }
    finding.beside = id;
    ++seen;
  }
  finding.complete = !finding.fault.empty() || seen < limit;
}

}  // namespace

ChainHash chain_hash(const ChainHash& before, std::uint64_t position, const AuditRow& row) {
  Hasher hasher;
  hasher.bytes(before.data(), before.size());
  hasher.number(position);
  hasher.number(row.id);
  hasher.number(static_cast<std::uint64_t>(row.time.time_since_epoch().count()));
  for (const auto* text : {&row.action, &row.author, &row.user, &row.service}) hasher.text(*text);
  hasher.presence(row.source.has_value());
  if (row.source) hasher.bytes(row.source->bytes.data(), row.source->bytes.size());
  hasher.presence(row.destination.has_value());
  if (row.destination) {
    hasher.bytes(row.destination->address.bytes.data(), row.destination->address.bytes.size());
    hasher.number(row.destination->port);
  }
  hasher.presence(row.reason.has_value());
  if (row.reason) hasher.number(static_cast<std::uint64_t>(*row.reason));
  hasher.number(row.session_id);
  hasher.text(row.detail);
  return hasher.finish();
}

AuditChain::AuditChain(SQLite::Database& database)
    : append_(database, "INSERT INTO audit_chain(position, audit_id, hash) VALUES(?, ?, ?)"),
      seal_(database, "UPDATE audit_head SET position = ?, hash = ? WHERE id = 1") {
  committed_ = read_head(database);
  head_ = committed_;
}

void AuditChain::append(const AuditRow& row) {
  const ChainPlace next{head_.position + 1, chain_hash(head_.hash, head_.position + 1, row)};
  Binder(append_).number(next.position).number(row.id).blob(next.hash);
  execute(append_);
  head_ = next;
}

void AuditChain::seal() {
  if (head_.position == committed_.position) return;
  Binder(seal_).number(head_.position).blob(head_.hash);
  execute(seal_);
}

void chain_what_is_there(SQLite::Database& database) {
  AuditChain chain(database);
  chain.begin();
  SQLite::Statement rows(database, std::string("SELECT ") + audit_columns + " FROM audit ORDER BY id");
  while (rows.executeStep()) chain.append(audit_row_of(rows));
  chain.seal();
}

ChainWalk::ChainWalk(SQLite::Database& database, const ChainPlace& place, std::size_t limit)
    : rows_(database, std::string("SELECT audit_chain.position, audit_chain.audit_id, audit_chain.hash, ") +
                          audit_columns +
                          " FROM audit_chain LEFT JOIN audit ON audit.id = audit_chain.audit_id "
                          "WHERE position > ? ORDER BY position LIMIT ?"),
      place_(place) {
  Binder(rows_).number(place.position).number(static_cast<std::uint64_t>(row_limit(limit)));
}

std::optional<AuditRow> ChainWalk::next() {
  if (!fault_.empty() || !rows_.executeStep()) return std::nullopt;
  const auto position = static_cast<std::uint64_t>(rows_.getColumn(0).getInt64());
  const auto id = std::to_string(rows_.getColumn(1).getInt64());
  if (position != place_.position + 1) {
    fault_ = "the rows after this position were removed, up to position " + std::to_string(position);
    return std::nullopt;
  }
  if (rows_.isColumnNull(3)) {
    fault_ = "the audit row " + id + " was removed";
    return std::nullopt;
  }
  auto link = link_as_written(rows_, place_.hash, position);
  if (!link) {
    fault_ = "the audit row " + id + ", or its place in the chain, was changed";
    return std::nullopt;
  }
  place_ = {position, link->hash};
  return std::move(link->row);
}

AuditFinding verify_chain(SQLite::Database& database, std::uint64_t after, std::uint64_t beside, std::size_t limit) {
  AuditFinding finding;
  finding.position = after;
  finding.beside = beside;
  finding.complete = true;
  std::optional<Cut> cut;
  try {
    cut = read_cut(database);
  } catch (const DamagedRow&) {
    finding.fault = "where the chain is said to begin (audit_cut) was changed";
    return finding;
  }
  if (cut) {
    finding.cut = AuditCut{.position = cut->place.position, .hash = text_of(cut->place.hash)};
    finding.fault = fault_of_cut(database, *cut);
    if (!finding.fault.empty()) return finding;
  }
  const auto from = place_at(database, after, cut);
  if (!from) {
    finding.fault = "there is no such position";
    return finding;
  }
  if (from->position != after) {
    finding.position = from->position;
    finding.hash = text_of(from->hash);
    finding.complete = false;
    return finding;
  }
  ChainWalk walk(database, *from, limit);
  std::size_t seen = 0;
  while (walk.next()) ++seen;
  finding.position = walk.place().position;
  finding.hash = text_of(walk.place().hash);
  finding.fault = walk.fault();
  finding.complete = !finding.fault.empty() || seen < limit;
  if (!finding.fault.empty() || !finding.complete) return finding;
  verify_head(database, finding, walk.place().hash);
  if (finding.fault.empty()) verify_rows(database, finding, limit);
  return finding;
}

std::string text_of(const ChainHash& hash) {
  std::array<char, 2 * std::tuple_size_v<ChainHash> + 1> text{};
  sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
  return text.data();
}

}  // namespace gatehouse::store
