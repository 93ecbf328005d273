// The chain over the audit: each row, in the order of writing, has a hash over the hash before it and all of its own
// fields. So a row that was removed, changed or put in between is found, and an end that was cut off as well, for the
// last hash and position stand by themselves. Who can write the file can also make a whole new chain: against that the
// operator notes the head elsewhere now and then.
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
  struct Head {
    std::uint64_t position = 0;
    ChainHash hash{};
  };
  SQLite::Statement append_;
  SQLite::Statement seal_;
  Head committed_;
  Head head_;
};

// Chains the rows of a file from before there was a chain, by their ids. Inside the caller's transaction.
void chain_what_is_there(SQLite::Database& database);

// Looks at `limit` rows after the position `after`, trusting the chain up to there. From the end of the chain on also
// at `limit` rows of the audit after the id `beside`, whether each of them is in the chain: such a step may find no new
// position, and not be the last.
AuditFinding verify_chain(SQLite::Database& database, std::uint64_t after, std::uint64_t beside, std::size_t limit);

std::string text_of(const ChainHash& hash);  // 64 hexadecimal digits

}  // namespace gatehouse::store
