// The OpenAPI document says what the routes are, and docs/api.md has them all. What the answers look like is compared
// with it against a real daemon (tests/netns/daemon_api_test.cc).
#include "admin/openapi.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "admin/routes.h"

namespace gatehouse::admin {
namespace {

using nlohmann::json;

class Openapi : public testing::Test {
 protected:
  const json document_ = json::parse(openapi_document());
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (auto& each : result) each = static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
  return result;
}

TEST_F(Openapi, HasExactlyTheRoutesAndTheirRoles) {
  EXPECT_EQ(document_.at("openapi"), "3.1.0");
  std::set<std::string> described;
  for (const auto& [path, methods] : document_.at("paths").items()) {
    for (const auto& [method, operation] : methods.items()) described.insert(method + " " + path);
  }
  for (const auto& route : route_list()) {
    const auto key = lower(route.method) + " " + std::string(route.path);
    ASSERT_EQ(described.erase(key), 1U) << "not described: " << key;
    const auto& operation = document_.at("paths").at(std::string(route.path)).at(lower(route.method));
    EXPECT_EQ(operation.at("x-role"), name(route.role)) << key;
    const bool has_parts = route.path.find('{') != std::string_view::npos;
    EXPECT_EQ(operation.contains("parameters"), route.takes_query || has_parts) << key;
    EXPECT_EQ(operation.contains("requestBody"), route.method == "POST") << key;
  }
  EXPECT_TRUE(described.empty()) << "described, but no route: " << *described.begin();
}

TEST_F(Openapi, GivesEachOperationANameOfItsOwn) {
  std::set<std::string> names;
  for (const auto& [path, methods] : document_.at("paths").items()) {
    for (const auto& [method, operation] : methods.items())
      EXPECT_TRUE(names.insert(operation.at("operationId")).second) << operation.at("operationId");
  }
}

void collect_references(const json& value, std::set<std::string>& references) {
  if (value.is_object() && value.contains("$ref")) references.insert(value.at("$ref"));
  for (const auto& child : value) {
    if (child.is_structured()) collect_references(child, references);
  }
}

TEST_F(Openapi, RefersOnlyToWhatItHasAndHasNothingThatNobodyUses) {
  std::set<std::string> references;
  collect_references(document_, references);
  for (const auto& reference : references)
    EXPECT_TRUE(document_.contains(json::json_pointer(reference.substr(1)))) << reference;
  for (const auto* kind : {"schemas", "parameters", "responses"}) {
    for (const auto& [key, unused] : document_.at("components").at(kind).items())
      EXPECT_TRUE(references.contains("#/components/" + std::string(kind) + "/" + key)) << key;
  }
}

TEST_F(Openapi, TheManualHasEveryRouteWithItsRole) {
  std::ifstream stream(GATEHOUSE_SOURCE_DIR "/docs/api.md");
  const std::string manual{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  for (const auto& route : route_list()) {
    const auto row = "| `" + std::string(route.method) + " " + std::string(route.path) + "` | " +
                     std::string(name(route.role)) + " |";
    EXPECT_NE(manual.find(row), std::string::npos) << "docs/api.md has no row " << row;
  }
  for (const auto event : event_names)
    EXPECT_NE(manual.find("| `" + std::string(event) + "` |"), std::string::npos) << event;
}

}  // namespace
}  // namespace gatehouse::admin
