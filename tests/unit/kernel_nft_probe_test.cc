#include "kernel/nft_probe.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <string>

#include "kernel/doctor_checks.h"
#include "support/namespace.h"
#include "support/process.h"

namespace gatehouse::kernel {
namespace {

using gatehouse::test::Namespace;
using gatehouse::test::run_command;

std::string ruleset_of(const Namespace& place) {
  return run_command({"nft", "-a", "list", "ruleset"}, {.where = &place}).output;
}

TEST(NftProbe, LeavesNoTraceAndNothingUndone) {
  const Namespace place;
  ASSERT_EQ(
      run_command({"nft", "-f", "-"},
                  {.where = &place,
                   .input = "table inet other {\n chain c { type filter hook input priority 0;\n accept\n }\n}\n"})
          .exit_code,
      0);
  const std::string before = ruleset_of(place);
  gatehouse::test::Process watch({"nft", "monitor"}, {.where = &place});
  for (int round = 0; round < 3; ++round) static_cast<void>(place.run([] { return probe_nft(); }));
  EXPECT_EQ(ruleset_of(place), before);
}

TEST(NftProbe, AgreesWithWhatNftCanDo) {
  const Namespace place;
  const NftFeatures found = place.run([] { return probe_nft(); });
  const auto nft_can = [&](const std::string& commands) {
    return run_command({"nft", "-c", "-f", "-"}, {.where = &place, .input = commands}).exit_code == 0;
  };
  EXPECT_EQ(found.tproxy, nft_can("table inet t {\n chain c {\n meta l4proto tcp tproxy ip to 127.0.0.1:1\n }\n}\n"));
  EXPECT_EQ(found.socket, nft_can("table inet t {\n chain c {\n socket transparent 1 socket wildcard 0\n }\n}\n"));
  EXPECT_EQ(found.table_owner, nft_can("table inet t {\n flags owner;\n}\n"));
  // Extending an element's timeout came with Linux 6.12.
  utsname names{};
  ASSERT_EQ(::uname(&names), 0);
  EXPECT_EQ(found.set_timeout_update, release_is_at_least(names.release, 6, 12));
}

}  // namespace
}  // namespace gatehouse::kernel
