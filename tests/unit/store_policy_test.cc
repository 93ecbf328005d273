// The policy in tables: comes back as it went in, one version after the other.
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

using namespace std::chrono_literals;

// Every field set, every word used, and names with any bytes.
policy::Document full_document() {
  policy::Document document;
  document.pools["office"].networks = {prefix("203.0.113.0/24"), prefix("2001:db8:f::/48"), prefix("198.51.100.0/25")};
  document.pools["empty"];
  document.users["bob"] = {.active = false,
                           .full_name = "Bob O'Brien; DROP TABLE users;--",
                           .sources = {prefix("192.0.2.0/24"), prefix("2001:db8::/32"), prefix("10.0.0.1")}};
  document.users["zo\xc3\xab \xff\xfe\n\""] = {.active = true, .full_name = "", .sources = {}};
  document.servers["win1"] = {.active = false, .address = address("198.51.100.9"), .description = "\xe2\x98\x83 first"};
  document.servers["win2"] = {.active = true, .address = address("2001:db8:2::9"), .description = ""};
  auto& secured = document.servers["win1"];
  secured.credentials = policy::CredentialSource::inject;
  secured.allow_tls_backend = true;
  secured.backend_certificate = policy::CertificateCheck::pinned;
  secured.fingerprint = "aa:bb";
  document.servers["win2"].ca = "/etc/ca.crt";
  document.services["win1-rdp"] = {.server = "win1",
                                   .proxy_ip = address("203.0.113.5"),
                                   .port = 3389,
                                   .transport = policy::Transport::tcp,
                                   .kind = policy::Kind::rdp,
                                   .protocol = "rdp",
                                   .backend_port = 3390,
                                   .source = policy::SourceMode::client,
                                   .proxy_protocol = policy::ProxyProtocol::v2,
                                   .connect_timeout = 1500ms,
                                   .idle_timeout = 2h,
                                   .until = at(1'750'000'000'003),
                                   .front = policy::Front::nla};
  document.services["win2-ssh"] = {.server = "win2",
                                   .proxy_ip = address("2001:db8:f::5"),
                                   .port = 65535,
                                   .transport = policy::Transport::udp,
                                   .kind = policy::Kind::relay,
                                   .protocol = "ssh",
                                   .backend_port = 22,
                                   .source = policy::SourceMode::gateway,
                                   .proxy_protocol = policy::ProxyProtocol::off,
                                   .connect_timeout = std::nullopt,
                                   .idle_timeout = std::nullopt,
                                   .until = std::nullopt};
  document.services["desk"] = document.services["win2-ssh"];
  document.services["desk"].kind = policy::Kind::rustdesk;
  document.services["desk"].port = 21116;
  document.services["desk"].rustdesk.incoming_only = {"111111111", "222222222"};
  document.services["desk"].rustdesk.refusal_text = "Ask the desk";
  document.grants["bob-win1"] = {.user = "bob",
                                 .server = "win1",
                                 .protocol = "rdp",
                                 .start = at(1'700'000'000'001),
                                 .end = at(1'800'000'000'002),
                                 .reason = "ticket 4711"};
  document.user_groups["staff"] = {.description = "all", .users = {"bob"}, .groups = {"admins", "guests"}};
  document.user_groups["admins"] = {.description = "", .users = {}, .groups = {}};
  document.user_groups["guests"] = {.description = "", .users = {"bob", "zo\xc3\xab \xff\xfe\n\""}, .groups = {}};
  document.server_groups["windows"] = {.description = "first", .servers = {"win1", "win2"}, .groups = {"old"}};
  document.server_groups["old"] = {.description = "", .servers = {}, .groups = {}};
  policy::ScheduleRule night{.weekdays = 0x10, .days = 0x80000002U, .months = 0x1002, .from = 1320, .to = 360};
  document.schedules["nights"] = {.zone = "Europe/Warsaw", .rules = {night, {}}, .description = "of Fridays"};
  document.maintenance["gate"] = {.server = "",
                                  .server_group = "",
                                  .start = at(1'700'000'000'001),
                                  .end = at(1'700'000'000'002),
                                  .grace = 90s,
                                  .exempt_users = {"bob"},
                                  .exempt_user_groups = {"admins", "staff"},
                                  .reason = "disks"};
  document.maintenance["win1"] = document.maintenance["gate"];
  document.maintenance["win1"].server = "win1";
  document.maintenance["windows"] = document.maintenance["gate"];
  document.maintenance["windows"].server_group = "windows";
  document.grants["staff-windows"] = {.user_group = "staff",
                                      .server_group = "windows",
                                      .sources = {prefix("10.0.0.0/8"), prefix("2001:db8::7")},
                                      .schedules = {"nights"},
                                      .logins = {"Administrator", "svc \xff"},
                                      .idle_timeout = 15min,
                                      .session_limit = 3,
                                      .active = false,
                                      .recording = policy::Recording::best_effort,
                                      .channels = policy::all_channels,
                                      .dynamic_channels = {"Contoso::Meeting", "Contoso::Whiteboard*"}};
  document.grants["staff-rdp"] = {.user_group = "staff", .service = "win1-rdp"};
  document.denials["no-root"] = {.protocol = "ssh", .logins = {"root"}, .reason = "use your own"};
  document.denials["bob-out"] = {.user = "bob",
                                 .server_group = "windows",
                                 .sources = {prefix("192.0.2.0/24")},
                                 .start = at(1'700'000'000'000),
                                 .end = at(1'800'000'000'000),
                                 .schedules = {"nights"}};
  document.grants["bob-win2"] = {
      .user = "bob", .server = "win2", .protocol = "", .start = std::nullopt, .end = std::nullopt, .reason = ""};
  return document;
}

using StoredPolicy = StoreTest;

TEST_F(StoredPolicy, IsEmptyAndVersionZeroAtFirst) {
  const auto record = open()->load_policy();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->version, 0U);
  EXPECT_EQ(record->document, policy::Document{});
}

TEST_F(StoredPolicy, ComesBackAsItWentInAlsoAfterARestart) {
  const auto document = full_document();
  {
    const auto store = open();
    const auto version = store->save_policy(document, 0, audit("policy_applied"));
    ASSERT_TRUE(version) << version.error().text();
    EXPECT_EQ(*version, 1U);
    EXPECT_EQ(store->load_policy()->document, document);
  }
  const auto record = open()->load_policy();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->version, 1U);
  EXPECT_EQ(record->document, document);
}

TEST_F(StoredPolicy, EveryVersionCanBeReadAgain) {
  const auto store = open();
  EXPECT_EQ(*store->policy_version(1), std::nullopt);
  EXPECT_TRUE(store->policy_versions(0, 10)->empty());
  policy::Document second;
  second.users["eve"];
  ASSERT_TRUE(store->save_policy(full_document(), 0, audit("policy_applied", at(1'750'000'000'000))));
  auto row = audit("policy_applied", at(1'760'000'000'000));
  row.author = "uid 0 (root)";
  ASSERT_TRUE(store->save_policy(second, 1, row));

  const auto first = store->policy_version(1);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->text, policy::to_yaml(full_document()));
  EXPECT_EQ((*first)->applied_at, at(1'750'000'000'000));
  EXPECT_EQ((*store->policy_version(2))->author, "uid 0 (root)");
  for (const auto version : {std::uint64_t{0}, std::uint64_t{3}, ~std::uint64_t{0}}) {
    EXPECT_EQ(*store->policy_version(version), std::nullopt) << version;
  }
  const auto versions = store->policy_versions(0, 10);
  ASSERT_EQ(versions->size(), 2U);
  EXPECT_EQ(versions->at(0).version, 2U);
  EXPECT_EQ(versions->at(1).version, 1U);
  EXPECT_EQ(versions->at(0).text, "") << "lists have no texts";
  EXPECT_EQ(store->policy_versions(0, 1)->size(), 1U);
  EXPECT_EQ(store->policy_versions(2, 10)->at(0).version, 1U);
}

TEST_F(StoredPolicy, IsReplacedAsAWholeAndEveryVersionsTextIsKept) {
  const auto store = open();
  const auto first = full_document();
  auto second = first;
  second.user_groups.erase("guests");
  second.user_groups["staff"].groups = {"admins"};
  second.denials.erase("no-root");
  second.users.erase("zo\xc3\xab \xff\xfe\n\"");
  second.grants.erase("bob-win1");
  second.pools["office"].networks.pop_back();
  ASSERT_TRUE(store->save_policy(first, 0, audit("policy_applied")));
  auto row = audit("policy_applied", at(1'750'000'000'000));
  row.author = "uid 0 (root)";
  row.detail = "- grants bob-win1";
  ASSERT_EQ(store->save_policy(second, 1, row).value_or(0), 2U);
  const auto record = store->load_policy();
  EXPECT_EQ(record->version, 2U);
  EXPECT_EQ(record->document, second);

  auto database = connect();
  SQLite::Statement select(database, "SELECT version, text, author, applied_at FROM policy_versions ORDER BY version");
  ASSERT_TRUE(select.executeStep());
  EXPECT_EQ(select.getColumn(1).getString(), policy::to_yaml(first));
  ASSERT_TRUE(select.executeStep());
  EXPECT_EQ(select.getColumn(0).getInt64(), 2);
  EXPECT_EQ(select.getColumn(1).getString(), policy::to_yaml(second));
  EXPECT_EQ(select.getColumn(2).getString(), "uid 0 (root)");
  EXPECT_EQ(select.getColumn(3).getInt64(), 1'750'000'000'000);
  EXPECT_FALSE(select.executeStep());
  const auto rows = store->audit({.action = "policy_applied"});
  ASSERT_EQ(rows->rows.size(), 2U);
  EXPECT_EQ(rows->rows.front().detail, "- grants bob-win1");
}

TEST_F(StoredPolicy, RefusesAChangeThatWasMadeAgainstAnotherVersion) {
  const auto store = open();
  const auto document = full_document();
  ASSERT_TRUE(store->save_policy(document, 0, audit("policy_applied")));
  for (const std::uint64_t expected : {0U, 2U}) {
    const auto refused = store->save_policy({}, expected, audit("policy_applied"));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("changed in between"), std::string::npos) << refused.error().text();
  }
  EXPECT_EQ(store->load_policy()->version, 1U);
  EXPECT_EQ(store->load_policy()->document, document);
  EXPECT_EQ(store->audit({})->rows.size(), 1U) << "no audit row of what was not done";
  EXPECT_FALSE(store->health().alarm) << "that is no fault of the store";
}

TEST_F(StoredPolicy, RefusesNamesThatPointToNothingAndChangesNothing) {
  const auto store = open();
  const auto document = full_document();
  ASSERT_TRUE(store->save_policy(document, 0, audit("policy_applied")));
  auto dangling = document;
  dangling.grants["bob-win1"].user = "nobody";
  const auto refused = store->save_policy(dangling, 1, audit("policy_applied"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("FOREIGN KEY"), std::string::npos) << refused.error().text();
  EXPECT_EQ(store->load_policy()->document, document);
  EXPECT_EQ(store->load_policy()->version, 1U);
  EXPECT_FALSE(store->health().alarm) << "that is no fault of the store";
}

TEST_F(StoredPolicy, SaysThatARowIsDamagedInsteadOfGuessing) {
  const auto store = open();
  ASSERT_TRUE(store->save_policy(full_document(), 0, audit("policy_applied")));
  connect().exec("UPDATE services SET kind = 'telepathy' WHERE name = 'win1-rdp'");
  const auto refused = store->load_policy();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("telepathy"), std::string::npos) << refused.error().text();
}

TEST_F(StoredPolicy, RefusesAGrantToTwoAtOnce) {
  const auto store = open();
  auto document = full_document();
  document.grants["bob-win1"].user_group = "staff";
  const auto refused = store->save_policy(document, 0, audit("policy_applied"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("CHECK"), std::string::npos) << refused.error().text();
}

TEST_F(StoredPolicy, SaysThatAScheduleIsDamaged) {
  const auto store = open();
  ASSERT_TRUE(store->save_policy(full_document(), 0, audit("policy_applied")));
  connect().exec("UPDATE schedule_rules SET to_minute = 5000");
  const auto refused = store->load_policy();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("schedule nights"), std::string::npos) << refused.error().text();
}

}  // namespace
}  // namespace gatehouse::store::testing
