// Random policies and questions that are likely to meet: few names, and times around changes of clocks, ends of months
// and midnights.
#pragma once

#include <array>
#include <random>
#include <string>
#include <vector>

#include "unit/policy_fixture.h"

namespace gatehouse::policy {

class RandomPolicy {
 public:
  explicit RandomPolicy(unsigned seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  bool one_in(std::uint32_t count) { return below(count) == 0; }
  template <typename Things>
  auto any_of(const Things& things) {
    return *(std::begin(things) + below(static_cast<std::uint32_t>(std::size(things))));
  }

  WallTime time() {
    const auto distance = one_in(2) ? std::chrono::minutes(15) * (static_cast<int>(below(40)) - 20)
                                    : std::chrono::minutes(30) * (static_cast<int>(below(240)) - 120);
    const auto near = anchor().time + distance;
    return one_in(3) ? near + std::chrono::milliseconds(static_cast<int>(below(3)) - 1) : near;
  }

  // What all times of one policy are near to, and the zone in which something happens then.
  struct Anchor {
    WallTime time;
    const char* zone;
  };
  [[nodiscard]] const Anchor& anchor() const {
    static const std::vector<Anchor> anchors{{moment("2026-03-29T01:00:00Z"), "Europe/Warsaw"},
                                             {moment("2026-10-25T01:00:00Z"), "Europe/Warsaw"},
                                             {moment("2026-03-08T07:00:00Z"), "America/New_York"},
                                             {moment("2026-11-01T06:00:00Z"), "America/New_York"},
                                             {moment("2026-03-08T05:00:00Z"), "America/Havana"},
                                             {moment("2026-11-01T05:00:00Z"), "America/Havana"},
                                             {moment("2026-04-04T15:00:00Z"), "Australia/Lord_Howe"},
                                             {moment("2026-10-03T15:30:00Z"), "Australia/Lord_Howe"},
                                             {moment("2026-12-31T23:00:00Z"), "Europe/Warsaw"},
                                             {moment("2028-02-28T12:00:00Z"), "UTC"},
                                             {moment("2026-11-30T23:00:00Z"), "Europe/Warsaw"}};
    return anchors.at(anchor_ % anchors.size());
  }

  Document document() {
    anchor_ = below(11);
    Document document;
    document.pools["p"].networks = {Prefix::parse("10.200.0.0/24").value()};
    for (const char* name : {"u0", "u1", "u2"}) document.users[name].active = !one_in(20);
    document.users["u0"].sources = {Prefix::parse("192.0.2.0/28").value()};
    document.users["u1"].sources = {Prefix::parse("192.0.2.4/30").value(), Prefix::parse("192.0.2.9").value()};
    for (int i = 0; i < 3; ++i) {
      UserGroup group;
      ServerGroup servers;
      for (const char* user : {"u0", "u1", "u2"}) {
        if (one_in(3)) group.users.emplace_back(user);
      }
      for (const char* server : {"s0", "s1"}) {
        if (one_in(3)) servers.servers.emplace_back(server);
      }
      for (int below_it = 0; below_it < i; ++below_it) {
        if (one_in(2)) group.groups.push_back("g" + std::to_string(below_it));
        if (one_in(2)) servers.groups.push_back("t" + std::to_string(below_it));
      }
      document.user_groups["g" + std::to_string(i)] = group;
      document.server_groups["t" + std::to_string(i)] = servers;
    }
    for (std::uint32_t i = 0; i < 2; ++i) {
      const std::string number = std::to_string(i);
      document.servers["s" + number] = {
          .active = !one_in(20), .address = Address::from_v4(0x0a280001U + i), .description = ""};
      for (const bool rdp : {true, false}) {
        auto& service = document.services[(rdp ? "rdp" : "ssh") + number];
        service.server = "s" + number;
        service.proxy_ip = Address::from_v4(0x0ac80001U + i);
        service.port = service.backend_port = rdp ? 3389 : 22;
        service.kind = rdp ? Kind::rdp : Kind::relay;
        service.protocol = rdp ? "rdp" : "ssh";
        if (one_in(6)) service.until = time();
      }
    }
    for (int i = 0; i < 3; ++i) document.schedules["c" + std::to_string(i)] = schedule();
    for (std::uint32_t i = below(7); i > 0; --i) {
      auto& grant = document.grants["grant" + std::to_string(i)];
      if (one_in(2)) {
        grant.user = user();
      } else {
        grant.user_group = group("g");
      }
      target(grant, 3);
      restrict(grant);
      grant.active = !one_in(12);
      if (one_in(8)) grant.session_limit = 1 + below(2);
      if (one_in(8)) grant.idle_timeout = Duration(60'000);
      grant.channels = whole_channels(static_cast<Channels>(below(all_channels + 1U)));
      grant.recording = static_cast<Recording>(below(4));
      if (one_in(4)) grant.dynamic_channels = {"Contoso::" + std::to_string(below(3))};
    }
    for (std::uint32_t i = below(3); i > 0; --i) {
      Denial denial;
      if (one_in(2))
        denial.user = user();
      else if (one_in(2))
        denial.user_group = group("g");
      target(denial, 4);
      restrict(denial);
      const bool restricted = !denial.user.empty() || !denial.user_group.empty() || !denial.server.empty() ||
                              !denial.server_group.empty() || !denial.service.empty() || !denial.protocol.empty() ||
                              !denial.sources.empty() || !denial.logins.empty();
      if (restricted && (!denial.schedules.empty() || denial.end || one_in(4))) {
        document.denials["denial" + std::to_string(i)] = denial;
      }
    }
    for (std::uint32_t i = below(3); i > 0; --i) {
      if (one_in(2)) document.maintenance["m" + std::to_string(i)] = maintenance();
    }
    return document;
  }

  std::vector<Ban> bans() {
    if (!one_in(6)) return {};
    Ban ban{1, Prefix::parse("192.0.2.8/30").value(), std::nullopt};
    if (one_in(2)) ban.expires = time();
    return {ban};
  }
  std::vector<NameBan> name_bans() {
    std::vector<NameBan> bans;
    if (one_in(8)) bans.push_back({2, Subject::user, user(), time()});
    if (one_in(8)) bans.push_back({3, Subject::server, "s1", time()});
    return bans;
  }

  Question question() {
    Question question{Address::from_v4(0xc0000200U + below(18)),
                      Address::from_v4(0x0ac80001U + below(2)),
                      static_cast<std::uint16_t>(one_in(2) ? 22 : 3389),
                      Transport::tcp,
                      time(),
                      std::nullopt};
    if (one_in(3)) question.login = one_in(2) ? "root" : "alice";
    if (one_in(4)) question.open_sessions = below(3);
    question.live = one_in(4);
    return question;
  }

  ScheduleRule rule() {
    static constexpr std::array<std::uint16_t, 13> minutes{0,   30,  60,  90,   120,  150, 180,
                                                           360, 720, 840, 1080, 1320, 1410};
    ScheduleRule rule;
    do {
      rule = {};
      if (one_in(2)) rule.weekdays = static_cast<std::uint8_t>(1 + below(127));
      if (one_in(5)) rule.days = static_cast<std::uint32_t>(random_()) & every_day;
      if (one_in(5)) rule.months = static_cast<std::uint16_t>(random_()) & every_month;
      if (!one_in(6)) {
        rule.from = any_of(minutes);
        rule.to = one_in(5) ? minutes_of_day : any_of(minutes);
      }
    } while (rule.from == rule.to || rule.to == 0 || !rule.ever_open());
    return rule;
  }

 private:
  std::string user() { return "u" + std::to_string(below(2)); }
  std::string group(const char* letter) { return letter + std::to_string(below(3)); }

  Schedule schedule() {
    static const std::vector<std::string> zones{"Europe/Warsaw", "America/New_York", "America/Havana",
                                                "Australia/Lord_Howe", "UTC"};
    Schedule schedule{one_in(3) ? any_of(zones) : anchor().zone, {}, ""};
    for (std::uint32_t i = 1 + below(3); i > 0; --i) schedule.rules.push_back(rule());
    return schedule;
  }

  template <typename Rule>
  void target(Rule& rule, std::uint32_t kinds) {
    switch (below(kinds)) {
      case 0:
        rule.server = one_in(2) ? "s0" : "s1";
        break;
      case 1:
        rule.server_group = group("t");
        break;
      case 2:
        rule.service = std::string(one_in(2) ? "rdp" : "ssh") + (one_in(2) ? "0" : "1");
        break;
      default:
        break;
    }
  }

  template <typename Rule>
  void restrict(Rule& rule) {
    if (one_in(4)) rule.protocol = one_in(2) ? "rdp" : "ssh";
    if (one_in(5)) rule.sources = {Prefix::parse(one_in(2) ? "192.0.2.0/29" : "192.0.2.9").value()};
    if (one_in(3)) rule.start = time();
    if (one_in(3)) rule.end = time();
    if (rule.start && rule.end && *rule.end <= *rule.start) rule.end = *rule.start + std::chrono::hours(1 + below(40));
    for (int i = 0; i < 3; ++i) {
      if (one_in(4)) rule.schedules.push_back("c" + std::to_string(i));
    }
    if (one_in(8)) rule.logins = {one_in(2) ? "alice" : "root"};
  }

  Maintenance maintenance() {
    Maintenance maintenance;
    if (one_in(3))
      maintenance.server = "s0";
    else if (one_in(2))
      maintenance.server_group = group("t");
    maintenance.start = time();
    maintenance.end = maintenance.start + std::chrono::hours(1 + below(30));
    if (one_in(2)) maintenance.grace = std::chrono::minutes(30 * (1 + below(8)));
    if (one_in(3)) maintenance.exempt_users = {user()};
    if (one_in(3)) maintenance.exempt_user_groups = {group("g")};
    return maintenance;
  }

  std::mt19937 random_;
  std::uint32_t anchor_ = 0;
};

}  // namespace gatehouse::policy
