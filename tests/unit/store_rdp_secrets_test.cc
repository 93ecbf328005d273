// Accounts and credentials of RDP sessions in the store: sealed bytes as they came, each change with its row of the
// audit.
#include <gtest/gtest.h>

#include "unit/store_fixture.h"

namespace gatehouse::store {
namespace {

using namespace testing;

class RdpSecrets : public ::testing::Test {
 protected:
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
  std::size_t rows(const std::string& action) { return store_->audit({.action = action}).value().rows.size(); }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  const std::string sealed_{"\x00\x01\xff nonce and more", 16};
};

TEST_F(RdpSecrets, AccountsAreThereAfterARestartAndReplacedByName) {
  open();
  ASSERT_TRUE(store_->set_rdp_account({"bob", "bob", "x", "uid 0 (root)", at(1)}, audit("account_set")));
  ASSERT_TRUE(store_->set_rdp_account({"alice", "bob", sealed_, "uid 0 (root)", at(2)}, audit("account_set")));
  ASSERT_TRUE(store_->set_rdp_account({"bob", "carol", "y", "token ci", at(3)}, audit("account_set")));
  open();
  const auto list = store_->rdp_accounts().value();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].name, "alice");
  EXPECT_EQ(list[0].sealed, sealed_);
  EXPECT_EQ(list[1].user, "carol");
  EXPECT_EQ(list[1].created, at(3));
  EXPECT_EQ(rows("account_set"), 3U);
  EXPECT_EQ(store_->remove_rdp_account("bob", audit("account_removed")).value(), true);
  EXPECT_EQ(store_->remove_rdp_account("bob", audit("account_removed")).value(), false);
  EXPECT_EQ(store_->rdp_accounts().value().size(), 1U);
  EXPECT_EQ(rows("account_removed"), 1U) << "what was not there is no row";
}

TEST_F(RdpSecrets, CredentialsAreOfAServerAndAUserOrEverybody) {
  open();
  ASSERT_TRUE(store_->set_rdp_credential({"win1", "", "svc", "CORP", sealed_, "a", at(1)}, audit("credential_set")));
  ASSERT_TRUE(store_->set_rdp_credential({"win1", "bob", "b", "", "z", "a", at(2)}, audit("credential_set")));
  open();
  const auto list = store_->rdp_credentials().value();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].user, "");
  EXPECT_EQ(list[0].login, "svc");
  EXPECT_EQ(list[0].domain, "CORP");
  EXPECT_EQ(list[0].sealed, sealed_);
  EXPECT_EQ(store_->remove_rdp_credential("win1", "", audit("credential_removed")).value(), true);
  EXPECT_EQ(store_->rdp_credentials().value().front().user, "bob");
}

}  // namespace
}  // namespace gatehouse::store
