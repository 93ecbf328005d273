// How values stand in columns: times as INTEGER (UTC milliseconds), addresses as BLOB (the 16 bytes), what may be
// absent as NULL. Both classes walk through the columns from the left.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/address.h"
#include "base/time.h"
#include "store/faults.h"

namespace gatehouse::store {

// Nothing is copied: what is bound must live until the statement was executed.
class Binder {
 public:
  explicit Binder(SQLite::Statement& statement) : statement_(statement) {}

  Binder& text(const std::string& value) {
    statement_.bindNoCopy(++index_, value);
    return *this;
  }
  Binder& number(std::uint64_t value) {
    statement_.bind(++index_, static_cast<std::int64_t>(value));
    return *this;
  }
  Binder& time(WallTime value) {
    statement_.bind(++index_, std::int64_t{value.time_since_epoch().count()});
    return *this;
  }
  Binder& time(const std::optional<WallTime>& value) { return value ? time(*value) : null(); }
  Binder& duration(const std::optional<Duration>& value) {
    if (!value) return null();
    statement_.bind(++index_, std::int64_t{value->count()});
    return *this;
  }
  Binder& address(const Address& value) {
    statement_.bindNoCopy(++index_, value.bytes.data(), static_cast<int>(value.bytes.size()));
    return *this;
  }
  template <std::size_t size>
  Binder& blob(const std::array<std::uint8_t, size>& value) {
    statement_.bindNoCopy(++index_, value.data(), static_cast<int>(size));
    return *this;
  }
  Binder& bytes(const std::string& value) {
    statement_.bindNoCopy(++index_, value.data(), static_cast<int>(value.size()));
    return *this;
  }
  Binder& prefix(const Prefix& value) { return address(value.address).number(value.length); }
  Binder& endpoint(const Endpoint& value) { return address(value.address).number(value.port); }
  Binder& null() {
    statement_.bind(++index_);
    return *this;
  }

 private:
  SQLite::Statement& statement_;
  int index_ = 0;
};

// Executes a cached statement and leaves it ready for the next use, also when it throws. How many rows it changed.
inline int execute(SQLite::Statement& statement) {
  struct Reset {
    SQLite::Statement& statement;
    explicit Reset(SQLite::Statement& of) : statement(of) {}
    Reset(const Reset&) = delete;
    Reset& operator=(const Reset&) = delete;
    Reset(Reset&&) = delete;
    Reset& operator=(Reset&&) = delete;
    ~Reset() { statement.tryReset(); }
  } reset(statement);
  return statement.exec();
}

class RowReader {
 public:
  explicit RowReader(SQLite::Statement& statement, int first = 0) : statement_(statement), index_(first) {}

  std::string text() { return statement_.getColumn(index_++).getString(); }
  std::uint64_t number() { return static_cast<std::uint64_t>(statement_.getColumn(index_++).getInt64()); }
  bool truth() { return number() != 0; }
  WallTime time() { return WallTime(Duration(statement_.getColumn(index_++).getInt64())); }
  std::optional<std::string> maybe_text() { return skip_null() ? std::nullopt : std::optional(text()); }
  std::optional<std::uint64_t> maybe_number() { return skip_null() ? std::nullopt : std::optional(number()); }
  std::optional<WallTime> maybe_time() { return skip_null() ? std::nullopt : std::optional(time()); }
  std::optional<Duration> maybe_duration() {
    return skip_null() ? std::nullopt : std::optional(Duration(statement_.getColumn(index_++).getInt64()));
  }
  Address address() {
    const auto column = statement_.getColumn(index_++);
    Address value;
    if (column.getBytes() != static_cast<int>(value.bytes.size())) throw DamagedRow("an address has not 16 bytes");
    std::memcpy(value.bytes.data(), column.getBlob(), value.bytes.size());
    return value;
  }
  template <std::size_t size>
  std::array<std::uint8_t, size> blob() {
    const auto column = statement_.getColumn(index_++);
    std::array<std::uint8_t, size> value{};
    if (column.getBytes() != static_cast<int>(size)) {
      throw DamagedRow("a value has not " + std::to_string(size) + " bytes");
    }
    std::copy_n(static_cast<const std::uint8_t*>(column.getBlob()), size, value.begin());
    return value;
  }
  std::string bytes() {
    const auto column = statement_.getColumn(index_++);
    const auto size = static_cast<std::size_t>(column.getBytes());
    return size == 0 ? std::string() : std::string(static_cast<const char*>(column.getBlob()), size);
  }
  std::optional<Address> maybe_address() { return skip_null() ? std::nullopt : std::optional(address()); }
  Prefix prefix() {
    const auto base = address();
    const auto length = number();
    if (length > 128) throw DamagedRow("a prefix is longer than 128 bits");
    return {base, static_cast<std::uint8_t>(length)};
  }
  Endpoint endpoint() {
    const auto host = address();
    return {host, static_cast<std::uint16_t>(number())};
  }
  std::optional<Endpoint> maybe_endpoint() {
    if (!statement_.isColumnNull(index_)) return endpoint();
    index_ += 2;
    return std::nullopt;
  }

 private:
  bool skip_null() {
    if (!statement_.isColumnNull(index_)) return false;
    ++index_;
    return true;
  }
  SQLite::Statement& statement_;
  int index_;
};

inline std::int64_t row_limit(std::size_t limit) {
  return static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX));
}

}  // namespace gatehouse::store
