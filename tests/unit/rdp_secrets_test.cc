// Secrets of RDP sessions: sealed with a key beside the store, bound to whose they are, and hashed as NLA needs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "rdp/credential_vault.h"
#include "rdp/nt_hash.h"
#include "rdp/secret_box.h"
#include "support/directories.h"
#include "support/process.h"

namespace gatehouse::rdp {
namespace {

using testing::HasSubstr;
using testing::Not;

class Secrets : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path key() const { return directory_.path() / "secrets.key"; }
  SecretBox box() {
    auto opened = SecretBox::open(key());
    if (!opened) throw std::runtime_error(opened.error().text());
    return std::move(*opened);
  }
  std::string refusal() {
    const auto opened = SecretBox::open(key());
    return opened ? "" : opened.error().text();
  }
  std::string bytes_of_key() {
    std::ifstream stream(key(), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

  test::TemporaryDirectory directory_;
};

TEST_F(Secrets, TheKeyIsMadeOnceForTheDaemonAlone) {
  const auto sealed = box().seal("kirschkern", "account bob");
  struct stat found{};
  ASSERT_EQ(::stat(key().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  EXPECT_EQ(bytes_of_key().size(), 32U);
  EXPECT_EQ(box().open_sealed(sealed, "account bob")->text(), "kirschkern");
  EXPECT_FALSE(std::filesystem::exists(key().string() + ".new"));
}

TEST_F(Secrets, AKeyThatOthersMayReadOrThatIsNoneIsRefused) {
  static_cast<void>(box());
  ASSERT_EQ(::chmod(key().c_str(), 0640), 0);
  EXPECT_THAT(refusal(), HasSubstr("open to others"));
  ASSERT_EQ(::chmod(key().c_str(), 0600), 0);
  EXPECT_EQ(refusal(), "");
  std::ofstream(key(), std::ios::app) << "x";
  EXPECT_THAT(refusal(), HasSubstr("has not 32 bytes"));
  std::filesystem::remove(key());
  std::filesystem::create_symlink("/etc/passwd", key());
  EXPECT_THAT(refusal(), HasSubstr("cannot be opened"));
}

TEST_F(Secrets, WhatIsSealedIsOpenedForItsContextAloneAndNowhereElse) {
  const auto one = box();
  const auto sealed = one.seal("kirschkern", "account bob");
  EXPECT_NE(one.seal("kirschkern", "account bob"), sealed) << "a nonce came twice";
  EXPECT_EQ(sealed.find("kirschkern"), std::string::npos);
  EXPECT_FALSE(one.open_sealed(sealed, "account eve"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(one.open_sealed(changed, "account bob")) << i;
  }
  EXPECT_FALSE(one.open_sealed("", "account bob"));
  std::filesystem::remove(key());
  const auto refused = box().open_sealed(sealed, "account bob");
  ASSERT_FALSE(refused) << "another key opens it";
  EXPECT_THAT(refused.error().text(), HasSubstr("account bob"));
  EXPECT_THAT(refused.error().text(), Not(HasSubstr("kirschkern")));
}

TEST(NtHash, IsWhatWinprHashMakes) {
  for (const std::string password : {"secret", "kirschkern-4711", "pässwörd€", "a b"}) {
    const auto made = test::run_command(
        {"sh", "-c", "exec $(command -v winpr-hash3 || echo winpr-hash) -u alice -p \"$0\"", password});
    ASSERT_EQ(made.exit_code, 0) << made.errors;
    EXPECT_EQ(nt_hash(password).text() + "\n", made.output) << password;
  }
  EXPECT_EQ(nt_hash("secret").text(), "878d8014606cda29677a44efa1353fc7");
}

TEST(NtHash, OfWhatIsNoPasswordIsRefusedWithoutTellingIt) {
  EXPECT_TRUE(check_password("kirschkern 4711 ä€😀"));
  const std::string too_long(257, 'x');
  EXPECT_TRUE(check_password(too_long.substr(1)));
  for (const auto& [password, why] :
       std::initializer_list<std::pair<std::string, const char*>>{{"", "empty"},
                                                                  {"kirsch\xff", "no UTF-8"},
                                                                  {"kirsch\xc0\x80", "no UTF-8"},
                                                                  {"kirsch\nkern", "control"},
                                                                  {too_long, "256"}}) {
    const auto checked = check_password(password);
    ASSERT_FALSE(checked) << why;
    EXPECT_THAT(checked.error().text(), HasSubstr(why));
    EXPECT_THAT(checked.error().text(), Not(HasSubstr("kirsch")));
  }
}

class Vault : public Secrets {
 protected:
  Vault() : vault_(box()) {}
  void store(const std::string& server, const std::string& user, const std::string& login) {
    vault_.put_credential(
        server, user, {login, "CORP", vault_.seal_credential(server, user, login, "CORP", Secret("pw of " + login))});
  }
  CredentialVault vault_;
};

TEST_F(Vault, AnAccountIsOfOneUserWhateverItsCase) {
  vault_.put_account("alice", {"alice-user", vault_.seal_account("alice", "alice-user", nt_hash("secret"))});
  EXPECT_EQ(vault_.hash_of("ALICE", "alice-user")->text(), nt_hash("secret").text());
  EXPECT_THAT(vault_.hash_of("alice", "bob").error().text(), HasSubstr("of user alice-user"));
  EXPECT_THAT(vault_.hash_of("eve", "alice-user").error().text(), HasSubstr("no such account"));
  vault_.remove_account("Alice");
  EXPECT_FALSE(vault_.hash_of("alice", "alice-user"));
}

TEST_F(Vault, AnAccountWhoseRowWasGivenToAnotherUserOpensForNobody) {
  const auto sealed = vault_.seal_account("alice", "alice", nt_hash("secret"));
  vault_.put_account("alice", {"eve", sealed});
  EXPECT_FALSE(vault_.hash_of("alice", "eve"));
}

TEST_F(Vault, AUsersOwnCredentialsCountBeforeThoseForEverybody) {
  store("win1", "", "everybody");
  store("win1", "alice", "alice-admin");
  EXPECT_EQ(vault_.credentials_for("win1", "alice")->user, "alice-admin");
  const auto others = vault_.credentials_for("win1", "bob");
  ASSERT_TRUE(others);
  EXPECT_EQ(others->user, "everybody");
  EXPECT_EQ(others->domain, "CORP");
  EXPECT_EQ(others->password, "pw of everybody");
  EXPECT_THAT(vault_.credentials_for("win2", "alice").error().text(), HasSubstr("no credentials are stored"));
  vault_.remove_credential("win1", "");
  EXPECT_FALSE(vault_.credentials_for("win1", "bob"));
}

}  // namespace
}  // namespace gatehouse::rdp
