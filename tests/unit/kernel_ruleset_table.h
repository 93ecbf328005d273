// A network namespace with the table of the gate in it, as `nft` lists it.
#pragma once

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "kernel/address_intervals.h"
#include "kernel/ruleset.h"
#include "support/namespace.h"
#include "support/patience.h"
#include "support/process.h"

namespace gatehouse::kernel {

using gatehouse::test::Namespace;
using gatehouse::test::run_command;
using nlohmann::json;

struct Listing {
  std::string comment;
  std::map<std::string, json> sets;
  std::map<std::string, json> chains;
  std::map<std::string, std::vector<json>> rules;  // by chain
  std::string text;
};

class Ruleset : public testing::Test {
 protected:
  RulesetSpec spec() const {
    RulesetSpec result;
    result.instance = "test";
    result.mark = 0x6a7e;
    result.pools = {*Prefix::parse("10.9.0.0/16"), *Prefix::parse("fd09::/32")};
    result.services = {service("10.9.0.1", 3389), service("10.9.0.1", 3389, policy::Transport::udp),
                       service("fd09::1", 22)};
    return result;
  }
  static ServiceBinding service(const std::string& address, std::uint16_t port,
                                policy::Transport transport = policy::Transport::tcp) {
    return {.proxy = {*Address::parse(address), port},
            .transport = transport,
            .service_id = 1,
            .kind = policy::Kind::relay,
            .listener_slot = 0};
  }
  Result<void> apply(const RulesetSpec& wanted) const {
    return place.run([&] { return apply_ruleset(wanted); });
  }
  bool intact(const RulesetSpec& wanted) const {
    return place.run([&] {
      const auto result = ruleset_is_intact(wanted);
      EXPECT_TRUE(result) << result.error().text();
      return result.value_or(false);
    });
  }
  void nft(const std::string& commands) const {
    const auto result = run_command({"nft", "-f", "-"}, {.where = &place, .input = commands});
    ASSERT_EQ(result.exit_code, 0) << result.errors << commands;
  }
  Listing list(const std::string& table = "gatehouse") const {
    Listing listing;
    const auto result = run_command({"nft", "-j", "list", "table", "inet", table}, {.where = &place});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    if (result.exit_code != 0) return listing;
    listing.text = run_command({"nft", "list", "table", "inet", table}, {.where = &place}).output;
    const json parsed = json::parse(result.output);
    for (const json& entry : parsed.at("nftables")) {
      if (entry.contains("set")) listing.sets[entry["set"]["name"]] = entry["set"];
      if (entry.contains("chain")) listing.chains[entry["chain"]["name"]] = entry["chain"];
      if (entry.contains("rule")) listing.rules[entry["rule"]["chain"]].push_back(entry["rule"]);
    }
    return listing;
  }
  std::size_t tables() const {
    const json parsed = json::parse(run_command({"nft", "-j", "list", "tables"}, {.where = &place}).output);
    return static_cast<std::size_t>(
        std::ranges::count_if(parsed["nftables"], [](const json& entry) { return entry.contains("table"); }));
  }
  std::size_t handle() const {
    const std::string text = run_command({"nft", "-a", "list", "table", "inet", "gatehouse"}, {.where = &place}).output;
    return static_cast<std::size_t>(std::stoul(text.substr(text.find("# handle ") + 9)));
  }

  const Namespace place;
};

}  // namespace gatehouse::kernel
