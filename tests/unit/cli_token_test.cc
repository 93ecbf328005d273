// The verbs for tokens.
#include "unit/cli_command.h"

namespace gatehouse::cli {
namespace {

class TokenVerbs : public Command {};

TEST_F(TokenVerbs, AddPrintsTheTokenAloneAndTheRestBesideIt) {
  answers("add_token", R"({"name": "ci", "role": "viewer", "expires": null, "token": "gatehouse_abc"})");
  const auto outcome = run({"token", "add", "ci", "--role", "viewer", "--for", "1h"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "gatehouse_abc\n") << "a script takes what is printed as the token";
  EXPECT_THAT(outcome.err, HasSubstr("Token ci, viewer, until "));
  EXPECT_EQ(daemon().token_added.name, "ci");
  EXPECT_EQ(daemon().token_added.role, admin::Role::viewer);
  ASSERT_TRUE(daemon().token_added.expires.has_value());
  EXPECT_THAT(run({"token", "add", "ci", "--role", "viewer"}).err, HasSubstr("for ever"));
  EXPECT_FALSE(daemon().token_added.expires.has_value());
}

TEST_F(TokenVerbs, WhatCannotBeIsRefusedBeforeItIsAsked) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"token", "add", "ci", "--role", "root"},
                                             {"token", "add", "c i", "--role", "viewer"},
                                             {"token", "add", "ci"},
                                             {"token", "add", "ci", "--role", "viewer", "--for", "soon"},
                                             {"token", "remove", "a/b"},
                                             {"token", "remove"},
                                             {"token"}}) {
    EXPECT_EQ(run(arguments).code, exit_usage) << testing::PrintToString(arguments);
  }
  EXPECT_TRUE(daemon().calls().empty());
}

TEST_F(TokenVerbs, ListShowsWhoMayWhatUntilWhen) {
  answers("tokens", R"json({"tokens": [{"name": "ci", "role": "operator", "author": "uid 0 (root)",
                                        "created": "2026-11-23T18:00:00Z", "expires": null}]})json");
  const auto outcome = run({"token", "list"});
  EXPECT_THAT(outcome.out, HasSubstr("ci"));
  EXPECT_THAT(outcome.out, HasSubstr("operator"));
  EXPECT_THAT(outcome.out, HasSubstr("never"));
  answers("tokens", R"({"tokens": []})");
  EXPECT_EQ(run({"token", "list"}).out, "No tokens.\n");
}

TEST_F(TokenVerbs, RemoveSaysWhichWereNotThere) {
  answers("remove_tokens", R"({"removed": ["a"], "unknown": ["b"]})");
  const auto outcome = run({"token", "remove", "a", "b"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.out, HasSubstr("No longer valid: a"));
  EXPECT_THAT(outcome.err, HasSubstr("no token b"));
  EXPECT_EQ(daemon().tokens_removed, (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace gatehouse::cli
