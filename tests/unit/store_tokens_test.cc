// Tokens of the API in the store: kept as hashes, with the row of the audit in the same transaction.
#include <gtest/gtest.h>

#include "unit/store_fixture.h"

namespace gatehouse::store {
namespace {

using namespace testing;

class Tokens : public ::testing::Test {
 protected:
  static TokenRow token(const std::string& name, std::uint8_t byte) {
    TokenRow row{
        .name = name, .role = "viewer", .hash = {}, .author = "uid 0 (root)", .created = at(1000), .expires = at(2000)};
    row.hash.fill(byte);
    return row;
  }
  static AuditRow audit(const std::string& action) {
    AuditRow row;
    row.time = at(1000);
    row.action = action;
    return row;
  }
  void open() {
    store_.reset();
    store_ = std::move(Store::open({directory_.path() / "gatehouse.db"}).value());
  }
  std::vector<AuditRow> rows(const std::string& action) { return store_->audit({.action = action}).value().rows; }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

TEST_F(Tokens, AreThereAfterARestartAsTheyWere) {
  open();
  ASSERT_EQ(store_->add_token(token("b", 2), audit("token_added")), true);
  auto endless = token("a", 1);
  endless.role = "admin";
  endless.expires = std::nullopt;
  ASSERT_EQ(store_->add_token(endless, audit("token_added")), true);
  open();
  const auto list = store_->tokens().value();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].name, "a");
  EXPECT_EQ(list[0].role, "admin");
  EXPECT_FALSE(list[0].expires.has_value());
  EXPECT_EQ(list[1].name, "b");
  EXPECT_EQ(list[1].hash, token("b", 2).hash);
  EXPECT_EQ(list[1].author, "uid 0 (root)");
  EXPECT_EQ(list[1].created, at(1000));
  EXPECT_EQ(list[1].expires, at(2000));
  EXPECT_EQ(rows("token_added").size(), 2U);
}

TEST_F(Tokens, ANameIsTakenOnceAndASecondOneChangesNothing) {
  open();
  ASSERT_EQ(store_->add_token(token("ci", 1), audit("token_added")), true);
  ASSERT_EQ(store_->add_token(token("ci", 2), audit("token_added")), false);
  EXPECT_EQ(store_->tokens().value().at(0).hash, token("ci", 1).hash);
  EXPECT_EQ(rows("token_added").size(), 1U);
}

TEST_F(Tokens, ARoleThatThereIsNotIsNotStored) {
  open();
  auto odd = token("ci", 1);
  odd.role = "root";
  EXPECT_FALSE(store_->add_token(odd, audit("token_added")));
  EXPECT_TRUE(store_->tokens().value().empty());
  EXPECT_TRUE(rows("token_added").empty());
  EXPECT_FALSE(store_->health().alarm) << "a row that is refused is no fault of the store";
}

TEST_F(Tokens, ThoseThatWereThereAreRemovedAndNamedInTheAudit) {
  open();
  for (const auto* name : {"a", "b", "c"})
    ASSERT_EQ(store_->add_token(token(name, static_cast<std::uint8_t>(*name)), audit("token_added")), true);
  EXPECT_EQ(store_->remove_tokens({"c", "x", "a"}, audit("token_removed")).value(),
            (std::vector<std::string>{"c", "a"}));
  ASSERT_EQ(store_->tokens().value().size(), 1U);
  ASSERT_EQ(rows("token_removed").size(), 1U);
  EXPECT_EQ(rows("token_removed")[0].detail, "c, a");
  EXPECT_TRUE(store_->remove_tokens({"x"}, audit("token_removed")).value().empty());
  EXPECT_EQ(rows("token_removed").size(), 1U) << "nothing was removed, and the audit says that something was";
}

}  // namespace
}  // namespace gatehouse::store
