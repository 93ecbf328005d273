// Pins and the lock of an instance, on a bpffs of its own.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "kernel/pins.h"
#include "support/directories.h"
#include "unit/kernel_plane.h"

namespace gatehouse::kernel::test {
namespace {

Fd some_map() {
  return Fd(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "probe", 4, 4, 1, nullptr));
}

unsigned mode_of(const std::filesystem::path& path) {
  struct stat about{};
  EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
  return about.st_mode & 0777U;
}
unsigned group_of(const std::filesystem::path& path) {
  struct stat about{};
  EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
  return about.st_gid;
}

class Pinning : public testing::Test {
 protected:
  const MountedDirectory bpffs = MountedDirectory::bpffs();
  const std::filesystem::path root = bpffs.path() / "gatehouse";
};

TEST_F(Pinning, AppearsAllAtOnce) {
  auto pins = require(Pins::open(bpffs.path(), "one", std::nullopt));
  EXPECT_FALSE(pins.exist());
  require(pins.begin());
  require(pins.pin(some_map().get(), "first"));
  EXPECT_FALSE(std::filesystem::exists(root / "one"));
  require(pins.commit());
  EXPECT_TRUE(pins.exist());
  EXPECT_TRUE(require(pins.get("first")));
  EXPECT_FALSE(require(pins.get("second")));
  EXPECT_EQ(pins.names(), std::vector<std::string>{"first"});
}

TEST_F(Pinning, LeavesNothingWhenItIsAbandoned) {
  auto pins = require(Pins::open(bpffs.path(), "one", std::nullopt));
  require(pins.begin());
  require(pins.pin(some_map().get(), "first"));
  pins.abandon();
  EXPECT_FALSE(pins.exist());
  EXPECT_FALSE(std::filesystem::exists(root / "one_new"));
}

TEST_F(Pinning, RemovesWhatACrashLeftHalfMade) {
  {
    auto pins = require(Pins::open(bpffs.path(), "one", std::nullopt));
    require(pins.begin());
    require(pins.pin(some_map().get(), "first"));
    // Neither committed nor abandoned, as after a kill.
  }
  EXPECT_TRUE(std::filesystem::exists(root / "one_new"));
  auto pins = require(Pins::open(bpffs.path(), "one", std::nullopt));
  EXPECT_FALSE(std::filesystem::exists(root / "one_new"));
  EXPECT_FALSE(pins.exist());
}

TEST_F(Pinning, IsReadableByTheGroupAndByNobodyElse) {
  constexpr unsigned group = 4242;
  const mode_t former = ::umask(0077);
  auto pins = require(Pins::open(bpffs.path(), "one", group));
  require(pins.begin());
  require(pins.pin(some_map().get(), "first"));
  require(pins.commit());
  ::umask(former);
  EXPECT_EQ(mode_of(root), 0755U);
  EXPECT_EQ(mode_of(root / "one"), 0750U);
  EXPECT_EQ(mode_of(root / "one" / "first"), 0640U);
  EXPECT_EQ(group_of(root / "one"), group);
  EXPECT_EQ(group_of(root / "one" / "first"), group);
}

TEST_F(Pinning, ReplacesAPinInOneStep) {
  auto pins = require(Pins::open(bpffs.path(), "one", std::nullopt));
  require(pins.begin());
  const BpfMap<std::uint32_t, std::uint32_t> first(some_map(), "first");
  const BpfMap<std::uint32_t, std::uint32_t> second(some_map(), "second");
  require(second.put(0, 2));
  require(pins.pin(first.raw().descriptor(), "map"));
  EXPECT_FALSE(pins.pin(second.raw().descriptor(), "map"));
  require(pins.replace(second.raw().descriptor(), "map"));
  const BpfMap<std::uint32_t, std::uint32_t> read(std::move(*require(pins.get("map"))), "map");
  EXPECT_EQ(require(read.get(0)), 2U);
  EXPECT_EQ(pins.names(), std::vector<std::string>{"map"});
}

TEST_F(Pinning, RefusesASecondHolderAndNamesTheFirst) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto pins = Pins::open(bpffs.path(), "one", std::nullopt);
    const char answer = pins ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) == 1) ::pause();
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const auto second = Pins::open(bpffs.path(), "one", std::nullopt);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, "the instance one is in use by process " + std::to_string(child));
  EXPECT_TRUE(Pins::open(bpffs.path(), "two", std::nullopt)) << "another instance is free";
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(Pins::open(bpffs.path(), "one", std::nullopt)) << "the lock dies with its holder";
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(Pinning, LeavesAnEmptyFileSystemWhenAllIsRemoved) {
  auto pins = require(Pins::open(bpffs.path(), "one", std::nullopt));
  require(pins.begin());
  require(pins.pin(some_map().get(), "first"));
  require(pins.commit());
  {
    auto other = require(Pins::open(bpffs.path(), "two", std::nullopt));
    require(pins.remove_all());
    EXPECT_FALSE(pins.exist());
    EXPECT_TRUE(std::filesystem::exists(root)) << "another instance lives there";
    require(other.remove_all());
  }
  EXPECT_FALSE(std::filesystem::exists(root));
}

TEST_F(Pinning, RefusesADirectoryThatIsNoBpffsWithTheMend) {
  const gatehouse::test::TemporaryDirectory plain;
  const auto pins = Pins::open(plain.path(), "one", std::nullopt);
  ASSERT_FALSE(pins);
  EXPECT_EQ(pins.error().what, plain.path().string() + " is not a bpffs");
  EXPECT_EQ(pins.error().mend, "mount -t bpf bpf " + plain.path().string());
  const auto nowhere = Pins::open(plain.path() / "nowhere", "one", std::nullopt);
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().what.find("nowhere"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(plain.path()));
}

TEST(Pins, WritesTheDotsOfAnInterfaceAsColons) {
  EXPECT_EQ(guard_link_name("eth0"), "link_guard_eth0");
  EXPECT_EQ(guard_link_name("eth0.100"), "link_guard_eth0:100");
}

}  // namespace
}  // namespace gatehouse::kernel::test
