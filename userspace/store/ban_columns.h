// How the target of a ban stands in columns: `kind` (the number of policy::BanKind), then `address` and `prefix_length`
// of a network or the `name` of anything else, the rest NULL.
#pragma once

#include "store/columns.h"
#include "store/records.h"

namespace gatehouse::store {

// kind, address, prefix_length, name
inline Binder& bind_target(Binder& binder, const policy::BanTarget& target) {
  binder.number(static_cast<std::uint64_t>(policy::kind_of(target)));
  if (const auto* network = std::get_if<Prefix>(&target)) return binder.prefix(*network).null();
  return binder.null().null().text(std::get<policy::NamedTarget>(target).name);
}

// What is unique: address, prefix_length, or name, kind.
inline Binder& bind_key(Binder& binder, const policy::BanTarget& target) {
  if (const auto* network = std::get_if<Prefix>(&target)) return binder.prefix(*network);
  return binder.text(std::get<policy::NamedTarget>(target).name)
      .number(static_cast<std::uint64_t>(policy::kind_of(target)));
}

// kind, address, prefix_length, name
inline policy::BanTarget read_target(RowReader& reader) {
  const auto number = reader.number();
  if (number >= policy::all_ban_kinds.size()) throw DamagedRow("a ban is of no kind that is known");
  const auto kind = static_cast<policy::BanKind>(number);
  if (kind == policy::BanKind::network) {
    const auto network = reader.prefix();
    reader.maybe_text();
    return network;
  }
  reader.maybe_number();
  reader.maybe_number();
  return policy::NamedTarget{policy::subject_of(kind), reader.text()};
}

}  // namespace gatehouse::store
