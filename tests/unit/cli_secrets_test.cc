// The verbs for accounts and credentials: a password comes in by the standard input, and never goes out again.
#include "unit/cli_command.h"

namespace gatehouse::cli {
namespace {

using testing::Not;

class SecretVerbs : public Command {};

TEST_F(SecretVerbs, AccountSetReadsThePasswordAndSaysWhoseItIs) {
  answers("set_account", R"({"name": "alice", "user": "bob"})");
  const auto outcome = run({"account", "set", "alice", "--user", "bob"}, "kirschkern 4711\nmore\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "Account alice is of user bob.\n");
  EXPECT_EQ(daemon().account_set.name, "alice");
  EXPECT_EQ(daemon().account_set.user, "bob");
  EXPECT_EQ(daemon().account_set.password, "kirschkern 4711");
  run({"account", "set", "alice"}, "x\r\n");
  EXPECT_EQ(daemon().account_set.user, "alice") << "the user of the same name";
  EXPECT_EQ(daemon().account_set.password, "x");
}

TEST_F(SecretVerbs, CredentialSetReadsThePasswordAndSaysForWhom) {
  answers("set_credential", R"({"server": "win1", "user": null, "login": "svc", "domain": "CORP"})");
  const auto outcome = run({"credential", "set", "win1", "--login", "svc", "--domain", "CORP"}, "holunder\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Everybody is logged in to server win1 as svc"));
  EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr("holunder")));
  EXPECT_EQ(daemon().credential_set.password, "holunder");
  EXPECT_EQ(daemon().credential_set.domain, "CORP");
  EXPECT_EQ(daemon().credential_set.user, "");
}

TEST_F(SecretVerbs, WithoutAPasswordNothingIsAsked) {
  for (const auto* input : {"", "\n"}) {
    EXPECT_EQ(run({"account", "set", "alice"}, input).code, exit_usage);
    EXPECT_EQ(run({"credential", "set", "win1", "--login", "svc"}, input).code, exit_usage);
  }
  EXPECT_EQ(run({"credential", "set", "win1"}, "x\n").code, exit_usage) << "as whom?";
  EXPECT_EQ(run({"account", "set", "alice", "kirschkern"}, "x\n").code, exit_usage) << "a password as an argument";
  EXPECT_TRUE(daemon().calls().empty());
}

TEST_F(SecretVerbs, ListsShowWhatThereIs) {
  answers("accounts", R"json({"accounts": [{"name": "alice", "user": "bob", "author": "uid 0 (root)",
                                            "created": "2026-11-23T18:00:00Z"}]})json");
  EXPECT_THAT(run({"account", "list"}).out, testing::AllOf(HasSubstr("NAME"), HasSubstr("alice"), HasSubstr("bob")));
  answers("credentials", R"json({"credentials": [{"server": "win1", "user": null, "login": "svc", "domain": "",
                                 "author": "uid 0 (root)", "created": "2026-11-23T18:00:00Z"}]})json");
  EXPECT_THAT(run({"credential", "list"}).out, testing::AllOf(HasSubstr("LOGIN"), HasSubstr("svc")));
  answers("accounts", R"({"accounts": []})");
  EXPECT_EQ(run({"account", "list"}).out, "No accounts.\n");
}

TEST_F(SecretVerbs, RemoveNamesWhatIsToGo) {
  answers("remove_account", R"({"removed": "alice"})");
  EXPECT_EQ(run({"account", "remove", "alice"}).code, 0);
  EXPECT_EQ(daemon().account_removed, "alice");
  answers("remove_credential", R"({"server": "win1", "user": "bob"})");
  EXPECT_EQ(run({"credential", "remove", "win1", "--user", "bob"}).code, 0);
  EXPECT_EQ(daemon().credential_removed.server, "win1");
  EXPECT_EQ(daemon().credential_removed.user, "bob");
}

TEST_F(SecretVerbs, AnAuthorityIsRotatedOnlyByWhoMeansIt) {
  answers("rotate_authority",
          R"({"certificate": "PEM", "fingerprint": "aa:bb", "expires": "2036-11-23T18:00:00Z", "former": "OLD"})");
  EXPECT_EQ(run({"ca", "rotate"}).code, exit_usage);
  EXPECT_TRUE(daemon().calls().empty());
  EXPECT_THAT(run({"ca", "rotate", "--yes"}).out, HasSubstr("aa:bb"));
  answers("authority",
          R"({"certificate": "NEW\n", "fingerprint": "aa", "expires": "2036-11-23T18:00:00Z", "former": "OLD\n"})");
  EXPECT_EQ(run({"ca", "export"}).out, "NEW\n");
  EXPECT_EQ(run({"ca", "export", "--former"}).out, "OLD\n");
  answers("authority",
          R"({"certificate": "NEW\n", "fingerprint": "aa", "expires": "2036-11-23T18:00:00Z", "former": null})");
  EXPECT_THAT(run({"ca", "export", "--former"}).err, HasSubstr("no former authority"));
}

}  // namespace
}  // namespace gatehouse::cli
