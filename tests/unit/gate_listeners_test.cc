#include "gate/listeners.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <set>

namespace gatehouse::gate {
namespace {

Endpoint local_of(int descriptor) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &length), 0);
  return Endpoint::from_sockaddr(storage);
}

std::vector<Fd> duplicates(const Listeners& listeners) {
  std::vector<Fd> copies;
  for (const int descriptor : listeners.descriptors()) copies.emplace_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  return copies;
}

TEST(Listeners, ArePairsOfBothFamiliesOnOneLoopbackPort) {
  const auto listeners = Listeners::create(3);
  ASSERT_TRUE(listeners) << listeners.error().text();
  const auto descriptors = listeners->descriptors();
  ASSERT_EQ(descriptors.size(), 6U);
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    EXPECT_EQ(local_of(descriptors[i]).text(),
              (i % 2 == 0 ? "127.0.0.1:" : "[::1]:") + std::to_string(listeners->port()));
  }
}

TEST(Listeners, AreSpreadOverTheLoopsWithNoneLeftOver) {
  const auto listeners = Listeners::create(3);
  ASSERT_TRUE(listeners) << listeners.error().text();
  std::set<int> all;
  for (std::size_t loop = 0; loop < 2; ++loop) {
    const auto part = listeners->of_loop(loop, 2);
    EXPECT_FALSE(part.empty());
    all.insert(part.begin(), part.end());
  }
  EXPECT_EQ(all.size(), 6U);
}

TEST(Listeners, InheritedOnesKeepTheirPortAndTheirBacklog) {
  const auto former = Listeners::create(2);
  ASSERT_TRUE(former) << former.error().text();
  const auto fewer = Listeners::inherit(duplicates(*former), 1);
  ASSERT_TRUE(fewer) << fewer.error().text();
  EXPECT_EQ(fewer->port(), former->port());
  EXPECT_EQ(fewer->descriptors().size(), 4U) << "a socket in which connections may wait was given up";
  const auto more = Listeners::inherit(duplicates(*former), 3);
  ASSERT_TRUE(more) << more.error().text();
  EXPECT_EQ(more->descriptors().size(), 6U);
  EXPECT_EQ(local_of(more->descriptors().back()).port, former->port());
}

TEST(Listeners, RefusesDescriptorsThatAreNoListeners) {
  std::vector<Fd> wrong;
  wrong.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(Listeners::inherit(std::move(wrong), 1));
  const auto former = Listeners::create(1);
  ASSERT_TRUE(former) << former.error().text();
  std::vector<Fd> half;
  half.emplace_back(::fcntl(former->descriptors().front(), F_DUPFD_CLOEXEC, 0));
  EXPECT_FALSE(Listeners::inherit(std::move(half), 1)) << "one family alone was taken";
}

}  // namespace
}  // namespace gatehouse::gate
