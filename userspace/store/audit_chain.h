// The chain over the audit: each row, in the order of writing, has a hash over the hash before it and all of its own
// fields. So a row that was removed, changed or put in between is found, and an end that was cut off as well, for the
// last hash and position stand by themselves. Who can write the file can also make a whole new chain: against that the
// operator notes the head elsewhere now and then. Rows that retention removed are no longer there to be hashed: the
// chain then begins behind them (store/audit_cut.h).
//
// Hash: SHA-256 (FIPS 180-4) of the hash before it, the position, and the fields in the order of AuditRow: numbers as
// 8 bytes, least significant first; text with its length as a number before it; what may be absent after one byte, 0
// or 1. The first position is 1; the hash before it is all zeros.
//
// Threads: one, that of the connection. Errors: SQLite::Exception.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "store/records.h"

namespace gatehouse::store {

using ChainHash = std::array<std::uint8_t, 32>;

// A row's place: its position and hash. The one before the first row is position 0, all zeros.
struct ChainPlace {
  std::uint64_t position = 0;
  ChainHash hash{};
};

ChainHash chain_hash(const ChainHash& before, std::uint64_t position, const AuditRow& row);

// Writes the chain. What is appended counts when the transaction does: begin() with it, seal() as its last write,
// committed() when it is on the disk. After a transaction that came to nothing begin() goes on from before it.
class AuditChain {
 public:
  explicit AuditChain(SQLite::Database& database);
  void begin() { head_ = committed_; }
  void append(const AuditRow& row);
  void seal();
  void committed() { committed_ = head_; }

 private:
  SQLite::Statement append_;
  SQLite::Statement seal_;
  ChainPlace committed_;
  ChainPlace head_;
};

// Along the chain, row by row, as far as each is what was written.
class ChainWalk {
 public:
  // From behind `place`, which is trusted; `limit` rows at most.
  ChainWalk(SQLite::Database& database, const ChainPlace& place, std::size_t limit);
  // nullopt: fault() says what is wrong with the next one, or none is left of the chain or the limit.
  std::optional<AuditRow> next();
  [[nodiscard]] const ChainPlace& place() const { return place_; }  // of the last row that was right
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  SQLite::Statement rows_;
  ChainPlace place_;
  std::string fault_;
};

// Chains the rows of a file from before there was a chain, by their ids. Inside the caller's transaction.
void chain_what_is_there(SQLite::Database& database);

// Looks at `limit` rows after the position `after`, trusting the chain up to there. From the end of the chain on also
// at `limit` rows of the audit after the id `beside`, whether each of them is in the chain: such a step may find no new
// position, and not be the last. A step from before the cut (store/audit_cut.h) leads to the cut and no further; every
// step looks whether the cut is told.
AuditFinding verify_chain(SQLite::Database& database, std::uint64_t after, std::uint64_t beside, std::size_t limit);

std::string text_of(const ChainHash& hash);  // 64 hexadecimal digits

}  // namespace gatehouse::store
