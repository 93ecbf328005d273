// The engine against a second, obvious one: 100,000 random questions to random policies. A failure prints the number of
// the policy and the policy; GATEHOUSE_POLICY_SEED=<number> runs that one alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>

#include "unit/policy_random.h"
#include "unit/policy_second_engine.h"

namespace gatehouse::policy {
namespace {

constexpr unsigned policies = 2000;
constexpr unsigned questions_each = 50;

struct World {
  unsigned seed;
  Document document;
  std::vector<Ban> bans;
  std::vector<NameBan> name_bans;
  Snapshot snapshot;
};

World world_of(unsigned seed, RandomPolicy& random) {
  World world{seed, random.document(), random.bans(), random.name_bans(), {}};
  world.snapshot.policy = Policy::compile(world.document, 1);
  world.snapshot.bans = BanTable(world.bans).with_names(NameBans(world.name_bans));
  return world;
}

std::string text_of(const World& world, const Question& question, const std::string& what) {
  std::ostringstream text;
  text << what << "\nseed " << world.seed << ": from " << question.source.text() << " to "
       << question.destination.text() << ":" << question.port << " at " << format_time(question.time) << " as "
       << question.login.value_or("(unknown)") << (question.live ? ", live" : "");
  if (question.open_sessions) text << ", " << *question.open_sessions << " sessions open";
  for (const auto& ban : world.bans) text << "\nban of " << ban.network.text();
  for (const auto& ban : world.name_bans) text << "\nban of " << ban.name << " until " << format_time(*ban.expires);
  text << "\n" << to_yaml(world.document);
  return text.str();
}

std::string named_by(const Decision& decision) {
  if (decision.grant != nullptr) return decision.grant->name;
  if (decision.denial != nullptr) return decision.denial->name;
  return decision.maintenance != nullptr ? decision.maintenance->name : "";
}

// A moment in [from, until), likely one at which something changes.
WallTime moment_between(const World& world, RandomPolicy& random, WallTime from, WallTime until) {
  const auto length = std::min<Duration>(until - from, std::chrono::days(14));
  WallTime moment = from + Duration(static_cast<std::int64_t>(random.below(1U << 30U)) % length.count());
  if (!random.one_in(4)) {
    // At an edge of some schedule's day there.
    const auto at = random.below(static_cast<std::uint32_t>(world.document.schedules.size()));
    const auto& schedule = std::next(world.document.schedules.begin(), at)->second;
    const auto& rule = random.any_of(schedule.rules);
    const auto clock = SecondEngine::clock(schedule.zone, moment);
    const auto edge =
        std::chrono::floor<std::chrono::days>(clock) + std::chrono::minutes(random.one_in(2) ? rule.from : rule.to);
    moment += (edge - clock) - std::chrono::milliseconds(random.below(2));
  }
  return std::clamp(moment, from, std::min(until, from + length) - std::chrono::milliseconds(1));
}

// The session that an allowed question opens may live until the end of the decision and not longer.
void check_allowed(const World& world, const SecondEngine& second, RandomPolicy& random, Question question,
                   std::optional<WallTime> until) {
  const WallTime from = question.time;
  question.live = true;
  const WallTime far = from + std::chrono::days(1000);
  for (int i = 0; i < 5; ++i) {
    question.time = moment_between(world, random, from, until.value_or(far));
    ASSERT_TRUE(second.decide(question).allowed()) << text_of(
        world, question, "denied before the decision's end (" + (until ? format_time(*until) : "never") + ")");
  }
  if (!until) return;
  question.time = *until - std::chrono::milliseconds(1);
  ASSERT_TRUE(second.decide(question).allowed()) << text_of(world, question, "denied just before the end");
  question.time = *until;
  ASSERT_TRUE(*until - from >= schedule_sight || !second.decide(question).allowed())
      << text_of(world, question, "still allowed at the decision's end, asked at " + format_time(from));
}

// Nothing is allowed before the end of a denial.
void check_denied(const World& world, const SecondEngine& second, RandomPolicy& random, Question question,
                  const Decision& decision) {
  const bool at_any_time = decision.reason == Reason::login_not_allowed || decision.reason == Reason::session_limit;
  if (at_any_time) {
    ASSERT_EQ(decision.holds_until, question.time) << text_of(world, question, "held for some time");
    return;
  }
  const WallTime from = question.time;
  const bool of_login = decision.reason == Reason::denied_by_rule && decision.holds_until == from;
  if (of_login) {
    question.login.reset();
    ASSERT_NE(second.decide(question).reason, Reason::denied_by_rule) << text_of(world, question, "not of the login");
    return;
  }
  ASSERT_TRUE(!decision.holds_until || *decision.holds_until > from) << text_of(world, question, "held for no moment");
  for (int i = 0; i < 5; ++i) {
    question.time = moment_between(world, random, from, decision.holds_until.value_or(from + std::chrono::days(1000)));
    ASSERT_FALSE(second.decide(question).allowed())
        << text_of(world, question, "allowed before the denial's end, asked at " + format_time(from));
  }
}

void check(const World& world, RandomPolicy& random, const Question& question) {
  const SecondEngine second(world.document, world.bans, world.name_bans);
  const auto expected = second.decide(question);
  const auto decision = decide(world.snapshot, question);
  ASSERT_EQ(name(decision.reason), name(expected.reason)) << text_of(world, question, "another reason");
  ASSERT_EQ(decision.allowed, expected.allowed());
  ASSERT_EQ(named_by(decision), expected.named) << text_of(world, question, "another rule is named");
  if (decision.allowed) {
    const auto& grant = world.document.grants.at(expected.named);
    ASSERT_EQ(decision.recording, grant.recording);
    ASSERT_EQ(decision.channels, grant.channels);
    ASSERT_TRUE(std::ranges::equal(decision.dynamic_channels, grant.dynamic_channels));
    ASSERT_EQ(decision.idle_timeout, grant.idle_timeout);
    check_allowed(world, second, random, question, decision.holds_until);
  } else {
    check_denied(world, second, random, question, decision);
  }
}

TEST(Properties, TheEngineDecidesAsTheObviousOneDoes) {
  const char* only = std::getenv("GATEHOUSE_POLICY_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
  const unsigned first = only == nullptr ? 0 : static_cast<unsigned>(std::stoul(only));
  std::size_t allowed = 0;
  for (unsigned seed = first; seed < (only == nullptr ? policies : first + 1); ++seed) {
    RandomPolicy random(seed);
    const World world = world_of(seed, random);
    for (unsigned i = 0; i < questions_each; ++i) {
      const Question question = random.question();
      ASSERT_NO_FATAL_FAILURE(check(world, random, question));
      allowed += decide(world.snapshot, question).allowed ? 1 : 0;
    }
  }
  if (only == nullptr) {
    EXPECT_GT(allowed, policies * questions_each / 20) << "too few questions are allowed to say much";
  }
}

TEST(Properties, ATraceChangesNoDecisionAndEndsAsTheDecisionDoes) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    RandomPolicy random(seed);
    const World world = world_of(seed, random);
    for (unsigned i = 0; i < 20; ++i) {
      const Question question = random.question();
      Trace trace;
      const auto traced = decide(world.snapshot, question, &trace);
      const auto plain = decide(world.snapshot, question);
      ASSERT_EQ(traced.reason, plain.reason);
      ASSERT_EQ(traced.holds_until, plain.holds_until);
      ASSERT_EQ(named_by(traced), named_by(plain));
      ASSERT_EQ(trace.back().passed, plain.allowed) << text_of(world, question, trace.back().finding);
    }
  }
}

TEST(Properties, ARandomPolicyLoadsBackFromItsYaml) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    RandomPolicy random(seed);
    const auto document = random.document();
    ASSERT_EQ(loaded(to_yaml(document)), document) << "seed " << seed << "\n" << to_yaml(document);
    ASSERT_TRUE(difference(document, loaded(to_yaml(document))).empty());
  }
}

}  // namespace
}  // namespace gatehouse::policy
