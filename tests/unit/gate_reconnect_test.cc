// Which connection carries which RDP session, and what a client has to show to go on with one.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "gate/reconnect_book.h"

namespace gatehouse::gate {
namespace {

constexpr std::uint64_t session = 0x1'0000'0007;  // more than the cookie's 32 bits

// What a client makes of its cookie (MS-RDPBCGR 5.5).
rdp::ReconnectProof proof_of(const rdp::ReconnectCookie& cookie) {
  std::string key;
  for (std::size_t i = 0; i < cookie.random.size(); i += 2) {
    key += static_cast<char>(std::stoi(cookie.random.substr(i, 2), nullptr, 16));
  }
  const std::string zeroes(32, '\0');
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  ::HMAC(::EVP_md5(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(zeroes.data()),
         zeroes.size(), digest.data(), &length);
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    constexpr char digits[] = "0123456789abcdef";
    text += digits[digest.at(i) >> 4U];
    text += digits[digest.at(i) & 15U];
  }
  return {.logon_id = cookie.logon_id, .verifier = text};
}

class Reconnection : public ::testing::Test {
 protected:
  ReconnectBook::Place begin() {
    return book_.begin(session, owner_, [this] { ++cuts_; });
  }
  ReconnectBook book_;
  ReconnectBook::Owner owner_{"bob", "win1-rdp"};
  int cuts_ = 0;
};

TEST_F(Reconnection, OnlyItsOwnerWithItsCookieGoesOnWithASession) {
  const auto place = begin();
  const auto proof = proof_of(place.cookie);
  ASSERT_TRUE(book_.claim(proof, owner_));
  EXPECT_EQ(book_.claim(proof, owner_)->session, session);
  EXPECT_FALSE(book_.claim(proof, {"eve", "win1-rdp"}));
  EXPECT_FALSE(book_.claim(proof, {"bob", "win2-rdp"}));
  EXPECT_FALSE(book_.claim({.logon_id = proof.logon_id + 1, .verifier = proof.verifier}, owner_));
  auto changed = proof;
  changed.verifier.back() = changed.verifier.back() == '0' ? '1' : '0';
  EXPECT_FALSE(book_.claim(changed, owner_));
  EXPECT_FALSE(book_.claim({.logon_id = proof.logon_id, .verifier = ""}, owner_));
}

TEST_F(Reconnection, AnEndedSessionGoesOnWithWhatItHad) {
  const auto first = begin();
  book_.keep_backend_cookie(session, {.logon_id = 9, .random = std::string(32, 'b')});
  EXPECT_TRUE(book_.leave(session, 1, 100, 2000, true)) << "nobody goes on with it yet: it has ended";
  const auto claim = book_.claim(proof_of(first.cookie), owner_);
  ASSERT_TRUE(claim);
  ASSERT_TRUE(claim->backend);
  EXPECT_EQ(claim->backend->logon_id, 9U);
  std::optional<ReconnectBook::Place> second;
  book_.take_over(claim->session, [] {}, [&](std::optional<ReconnectBook::Place> place) { second = place; });
  ASSERT_TRUE(second);
  EXPECT_EQ(second->connection, 2U);
  EXPECT_EQ(second->bytes_from_client, 100U);
  EXPECT_EQ(second->bytes_to_client, 2000U);
  EXPECT_EQ(cuts_, 0);
  EXPECT_FALSE(book_.claim(proof_of(first.cookie), owner_)) << "each cookie is good for one connection";
  EXPECT_TRUE(book_.claim(proof_of(second->cookie), owner_));
}

TEST_F(Reconnection, AConnectionThatIsStillThereIsCutAndWaitedFor) {
  begin();
  std::optional<ReconnectBook::Place> second;
  bool told = false;
  book_.take_over(
      session, [] {},
      [&](std::optional<ReconnectBook::Place> place) {
        second = place;
        told = true;
      });
  EXPECT_EQ(cuts_, 1);
  EXPECT_FALSE(told) << "the former connection has not ended";
  bool refused = false;
  book_.take_over(session, [] {}, [&](const std::optional<ReconnectBook::Place>& place) { refused = !place; });
  EXPECT_TRUE(refused) << "another one is waiting already";
  EXPECT_FALSE(book_.leave(session, 1, 5, 6, true)) << "the session has not ended: it goes on";
  ASSERT_TRUE(second);
  EXPECT_EQ(second->connection, 2U);
  EXPECT_EQ(second->bytes_to_client, 6U);
  EXPECT_TRUE(book_.leave(session, 2, 0, 0, true));
}

TEST_F(Reconnection, ASessionThatWasEndedOnPurposeDoesNotGoOn) {
  const auto place = begin();
  EXPECT_TRUE(book_.leave(session, 1, 0, 0, false));
  EXPECT_FALSE(book_.claim(proof_of(place.cookie), owner_));
  bool refused = false;
  book_.take_over(session, [] {}, [&](const std::optional<ReconnectBook::Place>& other) { refused = !other; });
  EXPECT_TRUE(refused);
}

TEST_F(Reconnection, TheOldestOfVeryManyEndedSessionsAreForgotten) {
  const auto first = begin();
  book_.leave(session, 1, 0, 0, true);
  for (std::uint64_t id = 1; id <= ReconnectBook::most_ended; ++id) {
    book_.begin(id, owner_, [] {});
    book_.leave(id, 1, 0, 0, true);
  }
  EXPECT_FALSE(book_.claim(proof_of(first.cookie), owner_));
}

}  // namespace
}  // namespace gatehouse::gate
