// What `who` and `last` show of sessions, by the files that are written: people, addresses, times, and who has which
// line.
#include "daemon/login_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>

#include "support/logins.h"
#include "support/patience.h"

namespace gatehouse::daemon {
namespace {

using test::eventually;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// A process of the test's name that lives until it is ended, like another instance of the daemon.
class OtherInstance {
 public:
  OtherInstance() : id_(::fork()) {
    if (id_ == 0) {
      while (true) ::pause();
    }
  }
  OtherInstance(const OtherInstance&) = delete;
  OtherInstance& operator=(const OtherInstance&) = delete;
  ~OtherInstance() { end(); }
  void end() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    id_ = -1;
  }
  [[nodiscard]] pid_t id() const { return id_; }

 private:
  pid_t id_;
};

class Logins : public ::testing::Test {
 protected:
  Logins() : former_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", log_));
  }
  ~Logins() override { spdlog::set_default_logger(former_); }

  void start() { records_.emplace(options()); }
  [[nodiscard]] LoginOptions options() const { return {.on = true, .utmp = files_.utmp(), .wtmp = files_.wtmp()}; }
  std::uint64_t open(const std::string& user, const std::string& client, const std::string& protocol = "rdp",
                     WallTime time = now()) {
    const auto id = ++sessions_;
    EXPECT_TRUE(records_->opened({id, user, protocol, Address::parse(client).value(), time}));
    return id;
  }
  void close(std::uint64_t id, WallTime time = now()) { records_->ended(id, time); }
  [[nodiscard]] bool shown(std::size_t count) const {
    return eventually([&] { return table().size() == count; });
  }
  // Those of the table that are open, read without a lock as `who` does.
  [[nodiscard]] std::vector<LoginRecord> table() const { return read(files_.utmp(), true); }
  [[nodiscard]] std::vector<LoginRecord> history() const { return read(files_.wtmp(), false); }
  static std::vector<LoginRecord> read(const std::filesystem::path& file, bool open_only) {
    std::ifstream stream(file, std::ios::binary);
    std::vector<LoginRecord> list;
    utmpx raw{};
    while (stream.read(reinterpret_cast<char*>(&raw), sizeof raw)) {
      if (raw.ut_type == USER_PROCESS || !open_only) list.push_back(from_utmpx(raw));
    }
    return list;
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> list;
    for (const auto& record : table()) list.push_back(record.line);
    return list;
  }
  // As somebody else has left it in the file.
  void leave_behind(const std::string& line, pid_t pid, const std::string& user = "eve") const {
    auto table = LoginTable::open(files_.utmp(), 1s);
    ASSERT_TRUE(table.has_value()) << table.error().text();
    table->put({line, "zz99", user, Address::parse("192.0.2.99").value(), pid, now(), true});
    ASSERT_TRUE(table->commit().has_value());
  }
  [[nodiscard]] std::string log() const {
    std::string text;
    for (const auto& line : log_->last_formatted()) text += line;
    return text;
  }
  [[nodiscard]] std::size_t warnings() const {
    std::size_t count = 0;
    const auto text = log();
    for (auto at = text.find("[warning]"); at != std::string::npos; at = text.find("[warning]", at + 1)) ++count;
    return count;
  }

  test::LoginFiles files_;
  std::optional<LoginRecords> records_;
  std::uint64_t sessions_ = 0;

 private:
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> log_ = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(100);
  std::shared_ptr<spdlog::logger> former_;
};

TEST_F(Logins, AreShownByWhoAndLastWithPersonAddressAndTimes) {
  const auto begin = parse_time("2026-11-24T08:20:11.25Z").value();
  start();
  const auto bob = open("bob", "172.16.0.1", "rdp", begin);
  const auto carol = open("carol", "192.168.1.1", "rdp", begin + 1min);
  const auto dora = open("dora", "203.0.113.9", "ssh", begin + 2min);
  const auto eric = open("eric", "2001:db8::7", "vnc", begin + 3min);
  const auto fred = open("fred", "255.255.255.254", "http", begin + 4min);
  ASSERT_TRUE(shown(5)) << log();
  EXPECT_THAT(files_.who(),
              ElementsAre("bob rdp0 Nov 24 08:20 (172.16.0.1)",  //
                          "carol rdp1 Nov 24 08:21 (192.168.1.1)", "dora ssh0 Nov 24 08:22 (203.0.113.9)",
                          "eric vnc0 Nov 24 08:23 (2001:db8::7)", "fred gate0 Nov 24 08:24 (255.255.255.254)"));

  const auto end = begin + 1h;
  for (const auto id : {bob, carol, dora, eric, fred}) close(id, end);
  ASSERT_TRUE(shown(0)) << log();
  records_.reset();
  EXPECT_THAT(files_.who(), IsEmpty());
  EXPECT_THAT(files_.last(),
              ElementsAre("fred gate0 255.255.255.254 Tue Nov 24 08:24:11 2026 - Tue Nov 24 09:20:11 2026 (00:56)",
                          "eric vnc0 2001:db8::7 Tue Nov 24 08:23:11 2026 - Tue Nov 24 09:20:11 2026 (00:57)",
                          "dora ssh0 203.0.113.9 Tue Nov 24 08:22:11 2026 - Tue Nov 24 09:20:11 2026 (00:58)",
                          "carol rdp1 192.168.1.1 Tue Nov 24 08:21:11 2026 - Tue Nov 24 09:20:11 2026 (00:59)",
                          "bob rdp0 172.16.0.1 Tue Nov 24 08:20:11 2026 - Tue Nov 24 09:20:11 2026 (01:00)"));
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(Logins, TakeTheFirstLineThatIsFree) {
  start();
  const auto first = open("bob", "192.0.2.1");
  const auto second = open("bob", "192.0.2.1");
  open("bob", "192.0.2.1");
  ASSERT_TRUE(shown(3));
  close(second);
  ASSERT_TRUE(shown(2));
  open("carol", "192.0.2.2");
  ASSERT_TRUE(shown(3));
  EXPECT_THAT(lines(), ElementsAre("rdp0", "rdp1", "rdp2"));
  EXPECT_EQ(table()[1].user, "carol");
  close(first);
  open("dora", "192.0.2.3");  // together with the end before it
  ASSERT_TRUE(eventually([&] { return table()[0].user == "dora"; }));
  EXPECT_THAT(lines(), ElementsAre("rdp0", "rdp1", "rdp2"));
}

TEST_F(Logins, OfAHundredSessionsShareNoLineAndTheNextHasNone) {
  start();
  std::vector<std::uint64_t> open_ones;
  for (int i = 0; i < 100; ++i) open_ones.push_back(open("user-" + std::to_string(i), "192.0.2.1"));
  const auto beyond = open("late", "192.0.2.2");
  open("late", "192.0.2.2");
  open("secure", "192.0.2.3", "ssh");
  ASSERT_TRUE(shown(101)) << lines().size();
  std::set<std::string> names;
  std::set<std::string> ids;
  for (const auto& record : table()) {
    names.insert(record.line);
    ids.insert(record.id);
    EXPECT_THAT(record.id, SizeIs(4));
    EXPECT_NE(record.user, "late");
  }
  EXPECT_THAT(names, SizeIs(101));
  EXPECT_THAT(ids, SizeIs(101));
  EXPECT_TRUE(names.contains("rdp0") && names.contains("rdp99") && names.contains("ssh0"));
  EXPECT_EQ(warnings(), 1U) << log();

  close(beyond);  // has no line to give back
  close(open_ones[57]);
  open("next", "192.0.2.4");
  ASSERT_TRUE(eventually([&] { return table().size() == 101 && table()[57].user == "next"; }));
  EXPECT_EQ(table()[57].line, "rdp57");
}

TEST_F(Logins, OfADeadDaemonAreEndedWhenTheNextOneStarts) {
  OtherInstance dead;
  leave_behind("rdp0", dead.id());
  leave_behind("ssh99", ::getpid());  // of the same number in a former life
  leave_behind("rdp3", 1);            // a number that another program has by now
  dead.end();
  const auto before = now();
  start();
  ASSERT_TRUE(shown(0)) << log();
  EXPECT_THAT(files_.who(), IsEmpty());
  ASSERT_TRUE(eventually([&] { return history().size() == 3; }));
  for (const auto& record : history()) {
    EXPECT_FALSE(record.open);
    EXPECT_GE(record.time, before - 1ms);
  }
  open("bob", "192.0.2.1");
  ASSERT_TRUE(shown(1));
  EXPECT_THAT(lines(), ElementsAre("rdp0"));
}

TEST_F(Logins, AreNotTakenFromAnotherInstanceThatLivesNorFromOtherPrograms) {
  OtherInstance other;
  leave_behind("rdp0", other.id());
  leave_behind("pts/0", 1, "root");
  leave_behind("rdp00", 1, "root");
  leave_behind("rdp100", 1, "root");
  start();
  open("bob", "192.0.2.1");
  ASSERT_TRUE(shown(5));
  EXPECT_THAT(lines(), ElementsAre("rdp0", "pts/0", "rdp00", "rdp100", "rdp1"));
  other.end();
  open("carol", "192.0.2.2");
  ASSERT_TRUE(eventually([&] { return table()[0].user == "carol"; })) << log();
  records_.reset();
  EXPECT_THAT(lines(), ElementsAre("pts/0", "rdp00", "rdp100")) << "what is others' stays";
}

TEST_F(Logins, EndWithTheDaemon) {
  start();
  open("bob", "192.0.2.1");
  open("carol", "2001:db8::1", "ssh");
  records_.reset();
  EXPECT_THAT(files_.who(), IsEmpty());
  ASSERT_THAT(history(), SizeIs(4)) << "also what was opened a moment before";
  EXPECT_TRUE(history()[0].open && history()[1].open);
  EXPECT_FALSE(history()[2].open || history()[3].open);
}

TEST_F(Logins, WithoutTheRightToWriteAreSaidOnceAndGoOn) {
  // The rights of a thread are its own for the kernel, and those that it starts have the same.
  std::thread unprivileged([&] {
    ASSERT_EQ(::syscall(SYS_setresuid, -1, 65534, -1), 0);
    start();
    for (int i = 0; i < 20; ++i) {
      close(open("bob", "192.0.2.1"));
      std::this_thread::sleep_for(5ms);
    }
    records_.reset();
  });
  unprivileged.join();
  EXPECT_EQ(warnings(), 2U) << log();
  EXPECT_THAT(log(), HasSubstr(files_.utmp().string() + " cannot be opened: Permission denied"));
  EXPECT_THAT(log(), HasSubstr(files_.wtmp().string() + " cannot be opened: Permission denied"));
  EXPECT_THAT(table(), IsEmpty());
  EXPECT_THAT(history(), IsEmpty());
}

TEST_F(Logins, AreNotMadeAFileForWhereThereIsNone) {
  std::filesystem::remove(files_.utmp());
  start();
  const auto id = open("bob", "192.0.2.1");
  ASSERT_TRUE(eventually([&] { return history().size() == 1; })) << "wtmp does not depend on utmp";
  EXPECT_FALSE(std::filesystem::exists(files_.utmp()));
  EXPECT_THAT(log(), HasSubstr("No such file"));
  std::ofstream(files_.utmp()).close();
  ASSERT_TRUE(eventually([&] { return lines() == std::vector<std::string>{"rdp0"}; }, 15s)) << "a file that came later";
  close(id);
  ASSERT_TRUE(shown(0));
  EXPECT_EQ(warnings(), 1U) << log();
}

TEST_F(Logins, OfAFileThatAnotherProgramLocksHoldNobodyUp) {
  auto lock = LoginTable::open(files_.utmp(), 1s);
  ASSERT_TRUE(lock.has_value());
  start();
  for (int i = 0; i < 5; ++i) open("bob", "192.0.2.1");
  ASSERT_TRUE(eventually([&] { return history().size() == 5; }, 15s)) << log();
  EXPECT_THAT(table(), IsEmpty());
  lock = std::unexpected(Error{});
  ASSERT_TRUE(eventually([&] { return table().size() == 5; }, 15s)) << "and are there when the lock is gone";
  EXPECT_EQ(warnings(), 1U) << log();
}

TEST(LoginFile, KeepsWhatItWasGiven) {
  for (const char* address : {"0.0.0.1", "127.0.0.1", "128.0.0.0", "172.16.0.1", "255.255.255.255", "::ffff:192.0.2.1",
                              "2001:db8::7", "ffff::ffff"}) {
    const LoginRecord record{"rdp7", "rd07", "bob", Address::parse(address).value(), 4711, now(), true};
    EXPECT_EQ(from_utmpx(to_utmpx(record)), record) << address;
  }
  const auto raw = to_utmpx({"rdp7", "rd07", "bob", Address::parse("203.0.113.9").value(), 1, now(), true});
  const std::array<unsigned char, 16> bytes{203, 0, 113, 9};
  EXPECT_EQ(std::memcmp(raw.ut_addr_v6, bytes.data(), bytes.size()), 0) << "network order, and nothing behind it";
}

TEST(LoginFile, CutsALongNameBetweenCharacters) {
  const std::string most(31, 'a');
  const auto cut = [](const std::string& user) {
    return from_utmpx(to_utmpx({"rdp0", "rd00", user, Address{}, 1, now(), true})).user;
  };
  EXPECT_EQ(cut(most + "b"), most + "b");
  EXPECT_EQ(cut(most + "bc"), most + "b");
  EXPECT_EQ(cut(most + "\u00e9"), most);
}

TEST(LoginFile, WritesOverAPieceOfARecordAtTheEnd) {
  const test::LoginFiles files;
  const LoginRecord record{"rdp0", "rd00", "bob", Address::parse("192.0.2.1").value(), ::getpid(), now(), true};
  std::ofstream(files.utmp(), std::ios::binary) << std::string(100, 'x');
  std::ofstream(files.wtmp(), std::ios::binary) << std::string(100, 'x');
  {
    auto table = LoginTable::open(files.utmp(), 1s);
    ASSERT_TRUE(table.has_value());
    EXPECT_THAT(table->records(), IsEmpty());
    table->put(record);
    ASSERT_TRUE(table->commit().has_value());
  }
  ASSERT_TRUE(append_logins(files.wtmp(), std::span(&record, 1), 1s).has_value());
  EXPECT_EQ(std::filesystem::file_size(files.utmp()), sizeof(utmpx));
  EXPECT_EQ(std::filesystem::file_size(files.wtmp()), sizeof(utmpx));
  EXPECT_THAT(files.who(), ElementsAre(StartsWith("bob rdp0 ")));
  EXPECT_THAT(files.last(), ElementsAre(StartsWith("bob rdp0 192.0.2.1 ")));
}

}  // namespace
}  // namespace gatehouse::daemon
