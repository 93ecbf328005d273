#include "base/strict_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace gatehouse {
namespace {

using testing::HasSubstr;

std::string faults_of(const std::string& text) {
  Issues issues;
  EXPECT_FALSE(read_yaml("f.yaml", text, issues)) << text;
  EXPECT_FALSE(issues.empty()) << text;
  return issues.text();
}

TEST(StrictYaml, ReadsAPlainText) {
  Issues issues;
  const auto root = read_yaml("f.yaml", "a: 1\nb: [x, y]\n", issues);
  ASSERT_TRUE(root);
  const StrictMap map("f.yaml", *root, "it", {"a", "b"}, issues);
  EXPECT_EQ(map.integer("a", 0, 9), 1);
  EXPECT_EQ(map.texts("b").size(), 2U);
  EXPECT_TRUE(issues.empty()) << issues.text();
}

TEST(StrictYaml, TakesAnEmptyTextForAnEmptyMap) {
  Issues issues;
  const auto root = read_yaml("f.yaml", "# nothing yet\n", issues);
  ASSERT_TRUE(root);
  const StrictMap map("f.yaml", *root, "it", {"a"}, issues);
  EXPECT_FALSE(map.has("a"));
  EXPECT_TRUE(issues.empty()) << issues.text();
}

TEST(StrictYaml, NamesTheLineOfASyntaxError) {
  EXPECT_THAT(faults_of("a: 1\nb: [x\n"), HasSubstr("f.yaml:"));
  EXPECT_THAT(faults_of("a: 1\nb: }\n"), HasSubstr("f.yaml:2: not valid YAML"));
  EXPECT_THAT(faults_of("a: 1\n  b: 2\n"), HasSubstr("f.yaml:2"));
}

TEST(StrictYaml, RefusesAnchorsAndAliases) {
  EXPECT_THAT(faults_of("a: &x 1\nb: 2\n"), HasSubstr("f.yaml:1: an anchor"));
  EXPECT_THAT(faults_of("a: 1\nb: *a\n"), HasSubstr("f.yaml:2"));
}

TEST(StrictYaml, RefusesATextThatGrowsWhenItIsExpanded) {
  std::string text = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before + "]\n";
  }
  EXPECT_THAT(faults_of(text), HasSubstr("anchor"));
}

TEST(StrictYaml, RefusesASecondDocument) {
  EXPECT_THAT(faults_of("a: 1\n---\nb: 2\n"), HasSubstr("more than one"));
}

TEST(StrictYaml, ComesToAnEndWithATextThatYieldsDocumentsWithoutEnd) {
  EXPECT_THAT(faults_of(",sres:.  a: x {}"), HasSubstr("more than one"));
  faults_of("]");
  faults_of(", x");
}

TEST(StrictYaml, RefusesDeepNesting) {
  faults_of("a: " + std::string(2000, '[') + std::string(2000, ']') + "\n");
  faults_of("a: " + std::string(100, '[') + std::string(100, ']') + "\n");
  std::string blocks;
  for (int i = 0; i < 100; ++i) blocks += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  faults_of(blocks);
}

TEST(StrictYaml, RefusesBinaryAndOversizeTexts) {
  faults_of(std::string("a: 1\0b: 2\n", 10));
  faults_of(std::string(65U * 1024 * 1024, '#'));
}

TEST(StrictMap, ReportsUnknownAndRepeatedKeysWithTheirLines) {
  Issues issues;
  const auto root = read_yaml("f.yaml", "a: 1\nc: 2\na: 3\n", issues);
  const StrictMap map("f.yaml", root.value(), "it", {"a", "b"}, issues);
  EXPECT_THAT(issues.text(), HasSubstr("f.yaml:2: unknown key 'c' in it: known keys are a, b"));
  EXPECT_THAT(issues.text(), HasSubstr("f.yaml:3: 'a' comes twice in it"));
  EXPECT_EQ(issues.list().size(), 2U);
}

TEST(StrictMap, ReportsANodeOfAnotherShape) {
  Issues issues;
  const auto root = read_yaml("f.yaml", "- a\n- b\n", issues);
  const StrictMap map("f.yaml", root.value(), "it", {"a"}, issues);
  EXPECT_THAT(issues.text(), HasSubstr("it is not a map"));
}

TEST(StrictMap, ReportsKeysThatAreNoWords) {
  Issues issues;
  const auto root = read_yaml("f.yaml", "? [a, b]\n: 1\n", issues);
  const StrictMap map("f.yaml", root.value(), "it", {"a"}, issues);
  EXPECT_THAT(issues.text(), HasSubstr("not a word"));
}

TEST(StrictMap, ReportsValuesItCannotRead) {
  Issues issues;
  const auto root =
      read_yaml("f.yaml", "flag: maybe\ncount: 12x\nword: [a]\nempty: ''\nlist: {a: 1}\nport: x\n", issues);
  const StrictMap map("f.yaml", root.value(), "it", {"flag", "count", "word", "empty", "list", "port"}, issues);
  EXPECT_FALSE(map.boolean("flag"));
  EXPECT_FALSE(map.integer("count", 0, 100));
  EXPECT_FALSE(map.text("word"));
  EXPECT_FALSE(map.text("empty"));
  EXPECT_TRUE(map.texts("list").empty());
  EXPECT_FALSE(map.text("absent", true));
  EXPECT_FALSE(
      map.parsed("port", [](std::string_view text) -> Result<int> { return failure("bad " + std::string(text)); }));
  EXPECT_THAT(issues.text(), HasSubstr("f.yaml:1: it, flag: 'maybe' is neither true nor false"));
  EXPECT_THAT(issues.text(), HasSubstr("f.yaml:2: it, count: '12x' is not a number from 0 to 100"));
  EXPECT_THAT(issues.text(), HasSubstr("f.yaml:3: it, word"));
  EXPECT_THAT(issues.text(), HasSubstr("f.yaml:4: it, empty"));
  EXPECT_THAT(issues.text(), HasSubstr("f.yaml:5: it, list"));
  EXPECT_THAT(issues.text(), HasSubstr("f.yaml:6: it, port: bad x"));
  EXPECT_THAT(issues.text(), HasSubstr("it has no 'absent'"));
  EXPECT_EQ(issues.list().size(), 7U);
}

TEST(StrictMap, ChecksTheRangeOfNumbers) {
  Issues issues;
  const auto root = read_yaml("f.yaml", "low: 0\nhigh: 11\nhuge: 99999999999999999999\ngood: 10\n", issues);
  const StrictMap map("f.yaml", root.value(), "it", {}, issues);
  EXPECT_FALSE(map.integer("low", 1, 10));
  EXPECT_FALSE(map.integer("high", 1, 10));
  EXPECT_FALSE(map.integer("huge", 1, 10));
  EXPECT_EQ(map.integer("good", 1, 10), 10);
  EXPECT_EQ(issues.list().size(), 3U);
}

TEST(StrictMap, TakesASingleValueForAListOfOne) {
  Issues issues;
  const auto root = read_yaml("f.yaml", "one: x\nmany:\n  - a\n  - b\nnone:\nbad: [a, [b]]\n", issues);
  const StrictMap map("f.yaml", root.value(), "it", {}, issues);
  EXPECT_EQ(map.texts("one").size(), 1U);
  ASSERT_EQ(map.texts("many").size(), 2U);
  EXPECT_EQ(map.texts("many")[1], std::make_pair(std::string("b"), 4));
  EXPECT_TRUE(map.texts("none").empty());
  EXPECT_TRUE(issues.empty());
  EXPECT_EQ(map.texts("bad").size(), 1U);
  EXPECT_EQ(issues.list().size(), 1U);
}

TEST(Issues, SortByFileAndLine) {
  Issues issues;
  issues.add("b.yaml", 1, "third", "");
  issues.add("a.yaml", 9, "second", "mend it");
  issues.add("a.yaml", 2, "first", "");
  issues.sort();
  EXPECT_EQ(issues.text(), "a.yaml:2: first\na.yaml:9: second: mend it\nb.yaml:1: third\n");
}

}  // namespace
}  // namespace gatehouse
