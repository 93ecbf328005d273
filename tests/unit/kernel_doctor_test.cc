// The doctor in namespaces that are made ill on purpose.
#include "kernel/doctor.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "kernel/doctor_checks.h"
#include "kernel/routes.h"
#include "kernel/ruleset.h"
#include "support/namespace.h"
#include "support/patience.h"
#include "support/process.h"

namespace gatehouse::kernel {
namespace {

using gatehouse::test::Namespace;
using gatehouse::test::run_command;
using Level = Finding::Level;

class Doctor : public testing::Test {
 protected:
  Doctor() {
    gatehouse::test::connect({place, "wire", {"192.0.2.1/24", "2001:db8::1/64"}},
                             {other, "wire", {"192.0.2.2/24", "2001:db8::2/64"}});
    options.interfaces = {"wire"};
    options.instance = "test";
  }
  std::vector<Finding> examined() const {
    return place.run([&] { return examine(options); });
  }
  // The worst finding whose subject begins so and whose text contains `part`.
  static const Finding* find(const std::vector<Finding>& findings, const std::string& subject,
                             const std::string& part = {}) {
    const Finding* worst = nullptr;
    for (const Finding& finding : findings) {
      if (!finding.subject.starts_with(subject) || finding.what.find(part) == std::string::npos) continue;
      if (worst == nullptr || finding.level > worst->level) worst = &finding;
    }
    return worst;
  }
  void expect(Level level, const std::string& subject, const std::string& part, const std::string& mend) const {
    const auto findings = examined();
    const Finding* finding = find(findings, subject, part);
    ASSERT_NE(finding, nullptr) << subject << ": " << part << "\n" << all(findings);
    EXPECT_EQ(finding->level, level) << subject << ": " << finding->what;
    EXPECT_NE(finding->mend.find(mend), std::string::npos) << finding->mend;
  }
  static std::string all(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& finding : findings) {
      text += std::to_string(static_cast<int>(finding.level)) + " " + finding.subject + ": " + finding.what + " [" +
              finding.mend + "]\n";
    }
    return text;
  }
  void nft(const std::string& commands) const {
    const auto result = run_command({"nft", "-f", "-"}, {.where = &place, .input = commands});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
  }

  const Namespace place;
  const Namespace other;
  DataplaneOptions options;
};

TEST_F(Doctor, FindsNothingWrongWithANamespaceThatIsWell) {
  place.set_sysctl("net.ipv4.conf.all.rp_filter", "0");
  place.set_sysctl("net.ipv4.conf.wire.rp_filter", "0");
  const auto findings = examined();
  for (const char* subject : {"kernel", "btf", "capabilities", "interface wire", "forwarding", "rp_filter wire", "mark",
                              "ip route", "nftables"}) {
    const Finding* finding = find(findings, subject);
    ASSERT_NE(finding, nullptr) << subject << "\n" << all(findings);
    EXPECT_EQ(finding->level, Level::ok) << subject << ": " << finding->what;
    EXPECT_TRUE(finding->mend.empty()) << finding->mend;
  }
  EXPECT_EQ(find(findings, "ip rule"), nullptr);
}

TEST_F(Doctor, EveryComplaintHasAMendAndNoPraiseHasOne) {
  options.interfaces = {"wire", "nowhere"};
  options.bpffs = "/proc";
  for (const Finding& finding : examined()) {
    EXPECT_FALSE(finding.subject.empty());
    EXPECT_FALSE(finding.what.empty());
    EXPECT_EQ(finding.mend.empty(), finding.level == Level::ok) << finding.subject << ": " << finding.what;
  }
}

TEST_F(Doctor, ChangesNothing) {
  nft("table ip other {\n chain c { type filter hook prerouting priority 0;\n accept\n }\n}\n");
  const auto state = [&] {
    std::string text;
    for (const auto& command : std::vector<std::vector<std::string>>{{"nft", "list", "ruleset"},
                                                                     {"ip", "rule"},
                                                                     {"ip", "-6", "rule"},
                                                                     {"ip", "route", "show", "table", "all"},
                                                                     {"ip", "-br", "link"}}) {
      text += run_command(command, {.where = &place}).output;
    }
    return text;
  };
  // The kernel itself is still busy with the new interface for a moment.
  std::string before;
  ASSERT_TRUE(gatehouse::test::eventually(
      [&] { return std::exchange(before, state()) == before && before.contains("local 2001:db8::1"); }));
  static_cast<void>(examined());
  EXPECT_EQ(state(), before);
}

TEST_F(Doctor, FindsMissingAndSleepingInterfaces) {
  options.interfaces = {"wire", "nowhere"};
  expect(Level::failure, "interface nowhere", "not there", "wire");
  place.ip({"link set wire down"});
  expect(Level::warning, "interface wire", "down", "ip link set wire up");
  options.interfaces.clear();
  expect(Level::warning, "interfaces", "no interface", "wire");
}

TEST_F(Doctor, FindsWhatIsNoBpffs) {
  options.bpffs = "/proc";
  expect(Level::failure, "bpffs", "not a bpffs", "mount -t bpf bpf /proc");
  options.bpffs = "/nowhere/bpf";
  expect(Level::failure, "bpffs", "not there", "mkdir -p /nowhere/bpf");
}

TEST_F(Doctor, FindsMissingCapabilities) {
  const auto findings = place.run([&] {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> left{};
    left[0].effective = left[0].permitted = 1U << CAP_NET_RAW;
    EXPECT_EQ(::syscall(SYS_capset, &header, left.data()), 0);
    return examine(options);
  });
  const Finding* capabilities = find(findings, "capabilities");
  ASSERT_NE(capabilities, nullptr);
  EXPECT_EQ(capabilities->level, Level::failure);
  EXPECT_NE(capabilities->what.find("CAP_NET_ADMIN"), std::string::npos);
  EXPECT_NE(capabilities->what.find("CAP_BPF"), std::string::npos);
  EXPECT_EQ(capabilities->what.find("CAP_NET_RAW"), std::string::npos);
  const Finding* nftables = find(findings, "nftables");
  ASSERT_NE(nftables, nullptr);
  EXPECT_EQ(nftables->level, Level::failure);
}

TEST_F(Doctor, FindsAStrictReversePathFilter) {
  place.set_sysctl("net.ipv4.conf.wire.rp_filter", "1");
  expect(Level::warning, "rp_filter wire", "strict", "net.ipv4.conf.wire.rp_filter=2");
  // The larger value counts: loose for all makes it loose here.
  place.set_sysctl("net.ipv4.conf.all.rp_filter", "2");
  expect(Level::ok, "rp_filter wire", "not strict", "");
}

TEST_F(Doctor, FindsSwitchesThatSpoilTheMark) {
  place.set_sysctl("net.ipv4.conf.all.src_valid_mark", "1");
  place.set_sysctl("net.ipv4.tcp_fwmark_accept", "1");
  place.set_sysctl("net.ipv4.fwmark_reflect", "1");
  place.set_sysctl("net.ipv6.fwmark_reflect", "1");
  expect(Level::failure, "src_valid_mark wire", "martian", "net.ipv4.conf.all.src_valid_mark=0");
  expect(Level::failure, "mark", "tcp_fwmark_accept", "sysctl -w net.ipv4.tcp_fwmark_accept=0");
  expect(Level::warning, "mark", "net.ipv4.fwmark_reflect", "sysctl -w net.ipv4.fwmark_reflect=0");
  expect(Level::warning, "mark", "net.ipv6.fwmark_reflect", "sysctl -w net.ipv6.fwmark_reflect=0");
}

TEST_F(Doctor, ReadsSwitchesOfInterfacesWithDotsInTheirNames) {
  gatehouse::test::connect({place, "wire.100", {}}, {other, "wire.100", {}});
  place.run([] {
    std::ofstream file("/proc/sys/net/ipv4/conf/wire.100/rp_filter");
    file << "1" << std::flush;
    ASSERT_TRUE(file);
  });
  options.interfaces = {"wire.100"};
  expect(Level::warning, "rp_filter wire.100", "strict", "net.ipv4.conf.wire/100.rp_filter=2");
}

TEST_F(Doctor, FindsPolicyRulesInTheWay) {
  place.ip({"rule add fwmark 0x6a7e lookup 100 priority 100"});
  expect(Level::failure, "ip rule (IPv4)", "first", "choose another mark");
  place.ip({"rule del priority 100", "rule add fwmark 0x0000/0x8000 lookup 100 priority 100"});
  expect(Level::failure, "ip rule (IPv4)", "first", "choose another mark");
  place.ip({"rule del priority 100", "rule add fwmark 0x9 lookup 100 priority 2726"});
  expect(Level::warning, "ip rule (IPv4)", "priority", "rule_priority");
  place.ip({"rule del priority 2726", "rule add from 192.0.2.9 lookup 27262 priority 9000"});
  expect(Level::warning, "ip rule (IPv4)", "routing table", "route_table");
  place.ip({"rule del priority 9000"});
  ASSERT_EQ(run_command({"ip", "-6", "rule", "add", "to", "2001:db8::/32", "lookup", "100", "priority", "7"},
                        {.where = &place})
                .exit_code,
            0);
  expect(Level::warning, "ip rule (IPv6)", "before", "below 7");
  place.ip({"route add 203.0.113.0/24 via 192.0.2.2 table 27262"});
  expect(Level::warning, "ip route", "27262", "route_table");
}

TEST_F(Doctor, DoesNotComplainAboutTheGatesOwnRulesAndTable) {
  place.run([&] {
    ASSERT_TRUE(
        add_policy_route({.mark = options.mark, .table = options.route_table, .priority = options.rule_priority}));
    RulesetSpec spec;
    spec.instance = options.instance;
    spec.mark = options.mark;
    ASSERT_TRUE(apply_ruleset(spec));
  });
  const auto findings = examined();
  EXPECT_EQ(find(findings, "ip rule"), nullptr) << all(findings);
  for (const char* subject : {"ip route", "nftables", "nftables table"}) {
    ASSERT_NE(find(findings, subject), nullptr);
    EXPECT_EQ(find(findings, subject)->level, Level::ok) << all(findings);
  }
}

TEST_F(Doctor, FindsATableOfTheSameNameThatIsNotOurs) {
  nft("table inet gatehouse { }\n");
  expect(Level::failure, "nftables table inet gatehouse", "somebody else's", "choose another table");
  place.run([&] {
    RulesetSpec spec;
    spec.instance = "another";
    spec.mark = 1;
    ASSERT_TRUE(apply_ruleset(spec));
  });
  expect(Level::failure, "nftables table inet gatehouse", "another instance", "table, a mark");
}

TEST_F(Doctor, FindsForeignChainsThatTouchMarks) {
  nft("table ip other {\n chain deep {\n meta mark set 0x1\n }\n chain c { type filter hook prerouting priority 0;\n "
      "jump deep\n }\n}\n");
  expect(Level::warning, "nftables", "sets marks after the gate", "meta mark 0x6a7e return");
  nft("delete table ip other\ntable inet other {\n chain c { type filter hook prerouting priority -150;\n meta mark "
      "set 0x1\n }\n}\n");
  expect(Level::warning, "nftables", "own priority", "meta mark 0x6a7e return");
  nft("delete table inet other\ntable ip6 other {\n chain c { type filter hook prerouting priority -300;\n meta mark "
      "set 0x1\n }\n}\n");
  expect(Level::warning, "nftables", "before the gate", "0x6a7e");
  nft("delete table ip6 other\ntable ip other {\n chain unused {\n meta mark set 0x1\n }\n"
      " chain c { type filter hook prerouting priority 0;\n accept\n }\n}\n");
  const auto findings = examined();
  EXPECT_EQ(find(findings, "nftables", "marks"), nullptr) << all(findings);
}

TEST_F(Doctor, FindsForeignTproxyAndClosedInputChains) {
  nft("table ip other {\n chain c { type filter hook prerouting priority -200;\n meta l4proto tcp tproxy to :9000\n "
      "}\n}\n");
  expect(Level::warning, "nftables", "tproxy of its own", "no address of a pool");
  nft("table inet firewall {\n chain input { type filter hook input priority 0; policy drop;\n }\n}\n");
  expect(Level::warning, "nftables", "chain input of table inet firewall drops", "meta mark 0x6a7e accept");
}

TEST_F(Doctor, FindsTooFewDescriptors) {
  // In a child: a hard limit that was lowered stays low.
  const auto examine_with_few = [&] {
    const rlimit low{.rlim_cur = 1024, .rlim_max = 1024};
    if (::setrlimit(RLIMIT_NOFILE, &low) != 0) return false;
    const auto findings = examined();
    const Finding* finding = find(findings, "descriptors", "about 170 sessions");
    return finding != nullptr && finding->level == Level::warning &&
           finding->mend.find("LimitNOFILE") != std::string::npos;
  };
  EXPECT_EXIT(::_exit(examine_with_few() ? 0 : 1), testing::ExitedWithCode(0), "");
}

TEST_F(Doctor, FindsAShortBacklog) {
  place.set_sysctl("net.core.somaxconn", "128");
  expect(Level::warning, "backlog", "net.core.somaxconn is 128", "sysctl -w net.core.somaxconn=4096");
}

TEST(KernelRelease, IsComparedByNumber) {
  EXPECT_TRUE(release_is_at_least("5.10.0-46-amd64", 5, 10));
  EXPECT_TRUE(release_is_at_least("6.1", 5, 10));
  EXPECT_TRUE(release_is_at_least("10.0.1", 6, 12));
  EXPECT_FALSE(release_is_at_least("5.9.16", 5, 10));
  EXPECT_FALSE(release_is_at_least("4.19", 5, 10));
  EXPECT_FALSE(release_is_at_least("", 5, 10));
  EXPECT_FALSE(release_is_at_least("strange", 5, 10));
}

}  // namespace
}  // namespace gatehouse::kernel
