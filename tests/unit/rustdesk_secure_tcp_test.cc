// Encrypted connections to hbbs: both sides of the handshake against each other and against libsodium used by hand, and
// who is refused.
#include "rustdesk/secure_tcp.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include "rustdesk_bytes.h"

namespace gatehouse::rustdesk {
namespace {

// crypto_sign_seed_keypair of the seed 00 01 .. 1f, as hbbs writes its file.
constexpr auto key_text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuA==";

std::string base64(Bytes bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  ::sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();
  return text;
}
Buffer new_secret_key() {
  Buffer secret(crypto_sign_SECRETKEYBYTES);
  PublicKey unused{};
  ::crypto_sign_keypair(unused.data(), secret.data());
  return secret;
}
ServerKey new_key() {
  return *ServerKey::parse(base64(new_secret_key()));
}

// The bytes live as long as the object that they are of.
KeyExchange exchange(Bytes bytes) {
  return std::get<KeyExchange>(parse(bytes)->body);
}

struct Connection {
  SecureChannel client;
  SecureChannel server;
};
Connection connect() {
  const auto key = new_key();
  const ServerHandshake server(key);
  auto client = *ClientHandshake::answer(exchange(server.offer()), key.public_key());
  const Buffer answer(client.message().begin(), client.message().end());
  return {std::move(client).finish(), *server.finish(exchange(answer))};
}

Buffer bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

TEST(RustdeskServerKey, IsReadFromTheFileOfHbbs) {
  const auto key = ServerKey::parse(key_text + std::string("\n"));
  ASSERT_TRUE(key) << key.error().text();
  EXPECT_EQ(to_hex(key->public_key()), "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
  EXPECT_EQ(*parse_public_key(to_text(key->public_key())), key->public_key());
}

TEST(RustdeskServerKey, WhatIsNoneIsRefusedWithTheMendAndNotRepeated) {
  const std::string good = key_text;
  auto other_half = new_secret_key();
  other_half.back() ^= 1U;
  for (const auto& bad : {std::string(), good.substr(4), good + "AAAA", good.substr(0, good.size() - 2), "*" + good,
                          base64(Buffer(32, 1)), base64(other_half), base64(Buffer(64, 0))}) {
    const auto key = ServerKey::parse(bad);
    ASSERT_FALSE(key) << bad;
    EXPECT_FALSE(key.error().mend.empty());
    EXPECT_TRUE(bad.empty() || !key.error().text().contains(bad));
  }
  EXPECT_FALSE(parse_public_key(""));
  EXPECT_FALSE(parse_public_key(good));
}

TEST(RustdeskTrap13, BothSidesOfTheHandshakeAgree) {
  auto [client, server] = connect();
  for (const std::string text : {"12", "a longer frame", "and one more"}) {
    const auto up = client.seal(bytes_of(text));
    EXPECT_EQ(up.size(), text.size() + 16);
    EXPECT_EQ(*server.open(up), bytes_of(text));
    EXPECT_EQ(*client.open(server.seal(bytes_of(text))), bytes_of(text));
  }
  const Buffer large(70000, 0x5a);
  EXPECT_EQ(*server.open(client.seal(large)), large);
}

// As a client of its own would do it.
TEST(RustdeskTrap13, AClientThatUsesLibsodiumByHandIsUnderstood) {
  const auto key = new_key();
  const ServerHandshake server(key);
  const auto offer = exchange(server.offer());
  ASSERT_EQ(offer.keys.size(), 1U);
  ASSERT_EQ(offer.keys[0].size(), 96U);
  ASSERT_EQ(::crypto_sign_verify_detached(offer.keys[0].data(), offer.keys[0].data() + 64, 32, key.public_key().data()),
            0);
  Buffer own(32);
  Buffer secret(32);
  ::crypto_box_keypair(own.data(), secret.data());
  const Buffer session(32, 0x42);
  Buffer boxed(48);
  const Buffer zeros(24, 0);
  ASSERT_EQ(::crypto_box_easy(boxed.data(), session.data(), 32, zeros.data(), offer.keys[0].data() + 64, secret.data()),
            0);
  const auto answer = encode({.body = KeyExchange{.keys = {own, boxed}, .unknown = {}}, .unknown = {}});
  auto channel = server.finish(exchange(answer));
  ASSERT_TRUE(channel) << to_text(channel.error());
  for (std::uint8_t count = 1; count <= 3; ++count) {
    Buffer nonce(24, 0);
    nonce[0] = count;
    const auto text = bytes_of("frame " + std::to_string(count));
    Buffer sealed(text.size() + 16);
    ::crypto_secretbox_easy(sealed.data(), text.data(), text.size(), nonce.data(), session.data());
    EXPECT_EQ(*channel->open(sealed), text);
    EXPECT_EQ(to_hex(channel->seal(text)), to_hex(sealed)) << "both directions count from one";
  }
}

TEST(RustdeskTrap13, AServerWithAnotherKeyIsNotBelieved) {
  const auto key = new_key();
  const ServerHandshake server(key);
  const auto answer = ClientHandshake::answer(exchange(server.offer()), new_key().public_key());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), SecureError::signature);
  Buffer changed(server.offer().begin(), server.offer().end());
  changed.back() ^= 1U;
  EXPECT_EQ(ClientHandshake::answer(exchange(changed), key.public_key()).error(), SecureError::signature);
}

TEST(RustdeskTrap13, AnAnswerForAnotherServerIsRefused) {
  const auto key = new_key();
  const ServerHandshake one(key);
  const ServerHandshake other(key);
  const auto client = ClientHandshake::answer(exchange(one.offer()), key.public_key());
  EXPECT_EQ(other.finish(exchange(client->message())).error(), SecureError::box);
  Buffer changed(client->message().begin(), client->message().end());
  changed.back() ^= 1U;
  EXPECT_EQ(one.finish(exchange(changed)).error(), SecureError::box);
  Buffer weak = encode({.body = KeyExchange{.keys = {Buffer(32, 0), Buffer(48, 0)}, .unknown = {}}, .unknown = {}});
  EXPECT_EQ(one.finish(exchange(weak)).error(), SecureError::box) << "a key that makes every secret the same";
}

TEST(RustdeskTrap13, KeysOfOtherNumberOrLengthAreRefused) {
  const auto key = new_key();
  const ServerHandshake server(key);
  const Buffer b31(31);
  const Buffer b32(32);
  const Buffer b48(48);
  const Buffer b95(95);
  const Buffer b96(96);
  for (const auto& keys : std::vector<std::vector<Bytes>>{
           {}, {b32}, {b48}, {b32, b48, b32}, {b48, b32}, {b31, b48}, {b32, b96}, {b32, {}}}) {
    EXPECT_EQ(server.finish({.keys = keys, .unknown = {}}).error(), SecureError::key_exchange);
  }
  for (const auto& keys : std::vector<std::vector<Bytes>>{{}, {b95}, {b96, b96}, {b32, b48}, {Bytes{}}}) {
    EXPECT_EQ(ClientHandshake::answer({.keys = keys, .unknown = {}}, key.public_key()).error(),
              SecureError::key_exchange);
  }
}

TEST(RustdeskTrap13, KeepAlivesPassUnencryptedAndCountForNothing) {
  auto [client, server] = connect();
  EXPECT_EQ(client.seal({}), Buffer{});
  EXPECT_EQ(client.seal(hex("00")), hex("00"));
  EXPECT_EQ(*server.open({}), Buffer{});
  EXPECT_EQ(*server.open(hex("07")), hex("07"));
  EXPECT_EQ(*server.open(client.seal(bytes_of("first"))), bytes_of("first"));
}

TEST(RustdeskTrap13, FramesThatAreChangedRepeatedOrInPlaintextAreRefused) {
  const auto error = [](auto&& change) {
    auto [client, server] = connect();
    auto sealed = client.seal(bytes_of("frame"));
    change(sealed, server);
    return server.open(sealed).error();
  };
  EXPECT_EQ(error([](Buffer& sealed, auto&) { sealed.front() ^= 1U; }), SecureError::frame);
  EXPECT_EQ(error([](Buffer& sealed, auto&) { sealed.back() ^= 1U; }), SecureError::frame);
  EXPECT_EQ(error([](Buffer& sealed, auto&) { sealed.pop_back(); }), SecureError::frame);
  EXPECT_EQ(error([](Buffer& sealed, auto&) { sealed.resize(15); }), SecureError::frame);
  EXPECT_EQ(error([](Buffer& sealed, auto&) { sealed = bytes_of("a plaintext of some length"); }), SecureError::frame);
  EXPECT_EQ(error([](Buffer& sealed, auto& server) { EXPECT_TRUE(server.open(sealed)); }), SecureError::frame);
}

TEST(RustdeskTrap13, EachConnectionHasKeysOfItsOwn) {
  const auto key = new_key();
  EXPECT_NE(to_hex(ServerHandshake(key).offer()), to_hex(ServerHandshake(key).offer()));
  auto one = connect();
  auto other = connect();
  EXPECT_EQ(other.server.open(one.client.seal(bytes_of("frame"))).error(), SecureError::frame);
}

TEST(RustdeskSecrets, AreWipedWhereTheyWere) {
  WipedBytes<4> secret;
  std::fill_n(secret.data(), secret.size(), std::uint8_t{7});
  WipedBytes<4> moved(std::move(secret));
  EXPECT_EQ(to_hex({moved.data(), moved.size()}), "07070707");
  EXPECT_EQ(to_hex({secret.data(), secret.size()}), "00000000");  // NOLINT(bugprone-use-after-move): that is the test
}

}  // namespace
}  // namespace gatehouse::rustdesk
