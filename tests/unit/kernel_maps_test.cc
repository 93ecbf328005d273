// The typed maps on real kernel maps, with their faults.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <system_error>

#include "unit/kernel_programs.h"

namespace gatehouse::kernel::test {
namespace {

using Numbers = BpfMap<std::uint32_t, std::uint64_t>;

Numbers numbers(bpf_map_type type, std::uint32_t entries, const char* name) {
  Fd map(::bpf_map_create(type, name, sizeof(std::uint32_t), sizeof(std::uint64_t), entries, nullptr));
  if (!map) throw std::system_error(errno, std::generic_category(), "bpf_map_create");
  return {std::move(map), name};
}

TEST(BpfMap, KeepsAndForgetsSingleEntries) {
  const auto map = numbers(BPF_MAP_TYPE_HASH, 8, "numbers");
  EXPECT_FALSE(require(map.get(1)));
  require(map.put(1, 10));
  require(map.put(1, 11));
  EXPECT_EQ(require(map.get(1)), 11U);
  EXPECT_TRUE(require(map.erase(1)));
  EXPECT_FALSE(require(map.erase(1)));
  EXPECT_FALSE(require(map.get(1)));
}

TEST(BpfMap, SaysWhichMapIsFullAndHowFarItCame) {
  const auto map = numbers(BPF_MAP_TYPE_HASH, 4, "small_map");
  std::vector<Numbers::Entry> entries;
  for (std::uint32_t i = 0; i < 10; ++i) entries.emplace_back(i, i);
  const auto put = map.put(entries);
  ASSERT_FALSE(put);
  EXPECT_NE(put.error().what.find("small_map"), std::string::npos) << put.error().what;
  EXPECT_NE(put.error().what.find("full"), std::string::npos) << put.error().what;
  EXPECT_NE(put.error().what.find("of 10"), std::string::npos) << put.error().what;
  const auto single = map.put(100, 1);
  ASSERT_FALSE(single);
  EXPECT_NE(single.error().what.find("full"), std::string::npos) << single.error().what;
}

TEST(BpfMap, MovesManyEntriesInBatches) {
  constexpr std::uint32_t count = 50'000;
  const auto map = numbers(BPF_MAP_TYPE_HASH, count, "many");
  std::vector<Numbers::Entry> entries;
  for (std::uint32_t i = 0; i < count; ++i) entries.emplace_back(i * 3, i);
  require(map.put(entries));
  const auto read = require(map.entries());
  EXPECT_EQ((std::map<std::uint32_t, std::uint64_t>(read.begin(), read.end())),
            (std::map<std::uint32_t, std::uint64_t>(entries.begin(), entries.end())));
  EXPECT_EQ(read.size(), count);

  // Two thirds of these are not there.
  std::vector<std::uint32_t> keys(count);
  for (std::uint32_t i = 0; i < count; ++i) keys[i] = i;
  EXPECT_EQ(require(map.erase(keys)), count / 3 + 1);
  EXPECT_EQ(require(map.entries()).size(), count - count / 3 - 1);
  EXPECT_EQ(require(map.erase(std::vector<std::uint32_t>{})), 0U);
}

TEST(BpfMap, ListsAnEmptyMap) {
  EXPECT_TRUE(require(numbers(BPF_MAP_TYPE_HASH, 8, "empty").entries()).empty());
}

TEST(BpfMap, GoesOneByOneWhereTheMapHasNoBatches) {
  // Socket maps have none; nor have tries before Linux 5.16.
  LoadedPrograms kernel;
  const Namespace where;
  const Listening first(where);
  const Listening second(where);
  const std::vector<ListenerMap::Entry> entries{{2, static_cast<std::uint64_t>(first.v4.get())},
                                                {5, static_cast<std::uint64_t>(second.v4.get())}};
  require(kernel.maps.listeners.put(entries));
  std::set<std::uint32_t> slots;
  for (const auto& [slot, cookie] : require(kernel.maps.listeners.entries())) {
    EXPECT_NE(cookie, 0U);
    slots.insert(slot);
  }
  EXPECT_EQ(slots, (std::set<std::uint32_t>{2, 5}));
  EXPECT_EQ(require(kernel.maps.listeners.erase(std::vector<std::uint32_t>{1, 2, 5})), 2U);
  EXPECT_TRUE(require(kernel.maps.listeners.entries()).empty());
}

TEST(BpfMap, KeepsNetworksOfBothFamiliesApart) {
  LoadedPrograms kernel;
  const std::vector<std::string> texts{"192.0.2.0/24", "192.0.2.0/25",  "0.0.0.0/0",
                                       "::/0",         "2001:db8::/32", "2001:db8::/33"};
  std::vector<NetBanMap::Entry> entries;
  for (std::size_t i = 0; i < texts.size(); ++i)
    entries.emplace_back(net_key_of(network(texts[i])), ban_value{0, i, 0, network(texts[i]).length, {}});
  require(kernel.maps.banned_nets.put(entries));
  std::set<std::string> read;
  for (const auto& [key, value] : require(kernel.maps.banned_nets.entries())) read.insert(network_of(key).text());
  EXPECT_EQ(read, std::set<std::string>(texts.begin(), texts.end()));
}

TEST(BpfMap, NamesTheOperationThatFailed) {
  const Numbers map(Fd(), "nowhere");
  const auto put = map.put(1, 1);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().what, "the kernel map nowhere: put: Bad file descriptor");
  EXPECT_FALSE(map.get(1));
  EXPECT_FALSE(map.erase(1));
  EXPECT_FALSE(map.entries());
}

}  // namespace
}  // namespace gatehouse::kernel::test
