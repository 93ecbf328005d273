// What the tests of the policy room share: a policy out of its text, and questions to it.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "policy/engine.h"
#include "policy/loader.h"

namespace gatehouse::policy {

// The document, or a test failure that lists the faults.
inline Document loaded(const std::string& text) {
  auto document = load({{"policy.yaml", text}});
  if (!document) {
    ADD_FAILURE() << document.error().text();
    return {};
  }
  return *document;
}

// The faults of a text, one a line; a test failure when it has none.
inline std::string faults(const std::vector<SourceText>& texts) {
  const auto document = load(texts);
  if (document) {
    ADD_FAILURE() << "loaded without a fault";
    return {};
  }
  return document.error().text();
}
inline std::string faults(const std::string& text) {
  return faults({{"policy.yaml", text}});
}

inline WallTime moment(const std::string& text) {
  return parse_time(text).value();
}
inline Address address(const std::string& text) {
  return Address::parse(text).value();
}

inline Snapshot snapshot(const std::string& text, std::initializer_list<Ban> bans = {}) {
  return {Policy::compile(loaded(text), 1), std::make_shared<const BanTable>(std::vector<Ban>(bans))};
}

inline Question question(const std::string& source, const std::string& destination, std::uint16_t port,
                         const std::string& time = "2026-11-23T12:00:00Z") {
  return {address(source), address(destination), port, Transport::tcp, moment(time), std::nullopt};
}

}  // namespace gatehouse::policy
