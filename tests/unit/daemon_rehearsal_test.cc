#include "daemon/rehearsal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "support/directories.h"

namespace gatehouse::daemon {
namespace {

class Rehearsal : public testing::Test {
 protected:
  std::filesystem::path program(const std::string& text) const {
    const auto path = directory_.path() / "program";
    std::ofstream(path) << "#!/bin/sh\n" << text;
    ::chmod(path.c_str(), 0755);
    return path;
  }
  gatehouse::test::TemporaryDirectory directory_;
};

TEST_F(Rehearsal, AsksTheBinaryToCheckThisConfiguration) {
  const auto path = program("[ \"$1 $2\" = \"--config=/etc/gh.yaml --check-config\" ]\n");
  EXPECT_TRUE(rehearse_start(path, "/etc/gh.yaml"));
  EXPECT_FALSE(rehearse_start(path, "/etc/other.yaml"));
}

TEST_F(Rehearsal, HandsOnWhatTheBinaryComplainsOf) {
  const auto refused = rehearse_start(program("echo 'gatehoused: no such thing' >&2; exit 78\n"), "f");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "the daemon would not start again: gatehoused: no such thing");
}

TEST_F(Rehearsal, RefusesABinaryThatIsNotThere) {
  const auto refused = rehearse_start(directory_.path() / "absent", "f");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("absent cannot be executed"), std::string::npos) << refused.error().text();
}

TEST_F(Rehearsal, RefusesABinaryThatDies) {
  EXPECT_FALSE(rehearse_start(program("kill -SEGV $$\n"), "f"));
}

TEST_F(Rehearsal, IsNotDrownedByWhatTheBinaryPrints) {
  const auto refused = rehearse_start(program("yes | head -c 1000000; exit 1\n"), "f");
  ASSERT_FALSE(refused);
  EXPECT_LT(refused.error().what.size(), 6000U);
}

}  // namespace
}  // namespace gatehouse::daemon
