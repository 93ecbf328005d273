// What the documents say of words and numbers is what the code has.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "policy/vocabulary.h"

namespace gatehouse::policy {
namespace {

std::string document(const std::string& name) {
  std::ifstream stream(std::string(GATEHOUSE_SOURCE_DIR) + "/docs/" + name);
  EXPECT_TRUE(stream.is_open()) << name;
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

// The part of a document from one heading to the next.
std::string section(const std::string& text, const std::string& heading) {
  const auto from = text.find("\n## " + heading + "\n");
  if (from == std::string::npos) return {};
  return text.substr(from + 1, text.find("\n## ", from + 1) - from);
}

std::size_t rows(const std::string& text) {
  std::size_t count = 0;
  for (auto at = text.find("\n| "); at != std::string::npos; at = text.find("\n| ", at + 1)) ++count;
  return count - 1;  // without the heads of the columns
}

// Every value of the enumeration that has a name, in a table of the section, with its number; and nothing else.
template <typename Enum>
void expect_documented(const std::string& heading) {
  const auto text = section(document("policy.md"), heading);
  ASSERT_FALSE(text.empty()) << "docs/policy.md has no section '" << heading << "'";
  std::size_t words = 0;
  for (std::uint16_t number = 0; number < 1000; ++number) {
    const auto word = name(static_cast<Enum>(number));
    if (word == "unknown") continue;
    ++words;
    const auto row = "| " + std::to_string(number) + " | `" + std::string(word) + "` |";
    EXPECT_NE(text.find(row), std::string::npos) << "docs/policy.md, " << heading << " has no row: " << row;
  }
  EXPECT_EQ(rows(text), words) << heading;
}

TEST(Documents, NameEveryReasonWithItsNumber) {
  expect_documented<Reason>("Reason codes");
}

TEST(Documents, NameEveryEndReasonWithItsNumber) {
  expect_documented<EndReason>("End reasons");
}

TEST(Documents, NameEveryActionOfTheAudit) {
  const auto text = document("api.md");
  for (const auto action : audit_actions) {
    EXPECT_NE(text.find("`" + std::string(action) + "`"), std::string::npos) << "docs/api.md does not name " << action;
  }
}

}  // namespace
}  // namespace gatehouse::policy
