// Messages of RustDesk: each of their fields, what is refused, and what is kept.
#include "rustdesk/messages.h"

#include <gtest/gtest.h>

#include "rustdesk/online_states.h"
#include "rustdesk_bytes.h"

namespace gatehouse::rustdesk {
namespace {

enum class Kind { text, name, bytes, key, number, flag, texts, names, many, opaque };

struct Case {
  std::uint32_t member;
  std::string_view name;
  std::vector<std::pair<std::uint32_t, Kind>> fields;  // without the second member of a oneof
};

// The fields of rendezvous.proto, once more.
const std::vector<Case>& cases() {
  using enum Kind;
  static const std::vector<Case> all{
      {6, "RegisterPeer", {{1, name}, {2, number}}},
      {7, "RegisterPeerResponse", {{2, flag}}},
      {8,
       "PunchHoleRequest",
       {{1, name},
        {2, number},
        {3, text},
        {4, number},
        {5, text},
        {6, text},
        {7, number},
        {8, flag},
        {9, number},
        {10, bytes},
        {11, text}}},
      {9,
       "PunchHole",
       {{1, bytes}, {2, text}, {3, number}, {4, number}, {5, flag}, {6, number}, {7, bytes}, {8, opaque}, {9, opaque}}},
      {10, "PunchHoleSent", {{1, bytes}, {2, name}, {3, text}, {4, number}, {5, text}, {6, number}, {7, bytes}}},
      {11,
       "PunchHoleResponse",
       {{1, bytes},
        {2, bytes},
        {3, number},
        {4, text},
        {5, number},
        {7, text},
        {8, number},
        {9, flag},
        {10, number},
        {11, bytes}}},
      {11, "PunchHoleResponse", {{6, flag}}},
      {12, "FetchLocalAddr", {{1, bytes}, {2, text}, {3, bytes}, {4, opaque}, {5, opaque}}},
      {13, "LocalAddr", {{1, bytes}, {2, bytes}, {3, text}, {4, name}, {5, text}, {6, bytes}}},
      {14, "ConfigUpdate", {{1, number}, {2, texts}}},
      {15, "RegisterPk", {{1, name}, {2, key}, {3, key}, {4, name}, {5, flag}}},
      {16, "RegisterPkResponse", {{1, number}, {2, number}}},
      {18,
       "RequestRelay",
       {{1, name},
        {2, name},
        {3, bytes},
        {4, text},
        {5, flag},
        {6, text},
        {7, number},
        {8, text},
        {9, opaque},
        {10, opaque},
        {11, text}}},
      {19,
       "RelayResponse",
       {{1, bytes}, {2, name}, {3, text}, {4, name}, {6, text}, {7, text}, {9, number}, {10, bytes}, {11, number}}},
      {19, "RelayResponse", {{5, bytes}}},
      {20, "TestNatRequest", {{1, number}}},
      {21, "TestNatResponse", {{1, number}, {2, opaque}}},
      {23, "OnlineRequest", {{1, name}, {2, names}}},
      {24, "OnlineResponse", {{1, bytes}}},
      {25, "KeyExchange", {{1, many}}},
  };
  return all;
}

bool is_list(Kind kind) {
  return kind == Kind::texts || kind == Kind::names || kind == Kind::many;
}
bool is_number(Kind kind) {
  return kind == Kind::number || kind == Kind::flag;
}
bool is_name(Kind kind) {
  return kind == Kind::name || kind == Kind::names || kind == Kind::key;
}
bool is_text(Kind kind) {
  return kind == Kind::text || kind == Kind::texts || kind == Kind::name || kind == Kind::names;
}

Buffer one_field(std::uint32_t number, Kind kind) {
  Buffer bytes;
  if (is_number(kind)) {
    put_number(bytes, number, kind == Kind::flag ? 1 : static_cast<std::int32_t>(number) + 300);
  } else if (is_text(kind)) {
    put_bytes(bytes, number, as_bytes("text " + std::to_string(number) + " \xc3\xa4"));
  } else {
    put_bytes(bytes, number, hex("ff00fe"));
  }
  return bytes;
}
Buffer all_fields(const Case& test) {
  Buffer bytes;
  for (const auto& [number, kind] : test.fields) {
    bytes = joined({bytes, one_field(number, kind)});
    if (is_list(kind)) bytes = joined({bytes, one_field(number, kind)});
  }
  return bytes;
}

std::string outcome(const Buffer& bytes) {
  const auto message = parse(bytes);
  return message ? std::string(name_of(message->body)) : "!" + std::string(to_text(message.error()));
}
std::string again(const Buffer& bytes) {
  const auto message = parse(bytes);
  return message ? to_hex(encode(*message)) : "!" + std::string(to_text(message.error()));
}
Message holding(Body body) {
  return {.body = std::move(body), .unknown = {}};
}

TEST(RustdeskMessages, EveryFieldComesBack) {
  for (const auto& test : cases()) {
    const auto bytes = member(test.member, all_fields(test));
    EXPECT_EQ(outcome(bytes), test.name);
    EXPECT_EQ(again(bytes), to_hex(bytes)) << test.name;
    EXPECT_EQ(again(member(test.member, {})), to_hex(member(test.member, {}))) << test.name << " with defaults only";
  }
}

TEST(RustdeskMessages, AnyOrderIsReadAndTheirNumbersOrderIsWritten) {
  for (const auto& test : cases()) {
    Buffer backwards;
    for (const auto& [number, kind] : test.fields) {
      auto field = one_field(number, kind);
      if (is_list(kind)) field = joined({field, field});
      backwards = joined({field, backwards});
    }
    EXPECT_EQ(again(member(test.member, backwards)), to_hex(member(test.member, all_fields(test)))) << test.name;
  }
}

TEST(RustdeskMessages, FieldsAreWhereTheyBelong) {
  const auto body = member(8, hex("0a0131 1002 1a0132 2003 2a0133 320134 3805 4001 4806 52020102 5a0135"));
  const auto message = parse(body);
  ASSERT_TRUE(message) << to_text(message.error());
  const auto& punch = std::get<PunchHoleRequest>(message->body);
  EXPECT_EQ(punch.id, "1");
  EXPECT_EQ(punch.nat_type, NatType::symmetric);
  EXPECT_EQ(punch.licence_key, "2");
  EXPECT_EQ(punch.conn_type, ConnType::rdp);
  EXPECT_EQ(punch.token, "3");
  EXPECT_EQ(punch.version, "4");
  EXPECT_EQ(punch.udp_port, 5);
  EXPECT_TRUE(punch.force_relay);
  EXPECT_EQ(punch.upnp_port, 6);
  EXPECT_EQ(to_hex(punch.socket_addr_v6), "0102");
  EXPECT_EQ(punch.switch_code, "5");
  // Views of what was parsed, not copies.
  EXPECT_GE(punch.id.data(), as_text(body).data());
  EXPECT_LT(punch.switch_code.data(), as_text(body).data() + body.size());
}

TEST(RustdeskMessages, VectorsReadAndWrite) {
  const auto peer = hex("32 0b 0a 09 313233343536373839");
  const auto message = parse(peer);
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<RegisterPeer>(message->body).id, "123456789");
  EXPECT_EQ(to_hex(encode(*message)), to_hex(peer));

  const auto asking = hex("3a 02 10 01");
  EXPECT_TRUE(std::get<RegisterPeerResponse>(parse(asking)->body).request_pk);
  EXPECT_EQ(again(asking), to_hex(asking));

  const auto offline = hex("5a 02 18 02");
  EXPECT_EQ(std::get<PunchHoleResponse>(parse(offline)->body).failure, PunchHoleFailure::offline);
  EXPECT_EQ(again(offline), to_hex(offline));

  const auto not_exist = hex("5a 00");
  EXPECT_EQ(std::get<PunchHoleResponse>(parse(not_exist)->body).failure, PunchHoleFailure::id_not_exist);
  EXPECT_EQ(again(not_exist), to_hex(not_exist));

  EXPECT_EQ(std::get<PunchHoleResponse>(parse(hex("5a 04 3a 02 6e6f"))->body).other_failure, "no");
  EXPECT_EQ(std::get<RelayResponse>(parse(hex("9a 01 04 32 02 6e6f"))->body).refuse_reason, "no");
}

TEST(RustdeskMessages, AMemberOfAOneofIsWrittenEvenAsItsDefault) {
  PunchHoleResponse punch;
  punch.is_local = false;
  EXPECT_EQ(to_hex(encode(holding(punch))), "5a023000");
  EXPECT_EQ(again(hex("5a 02 30 00")), "5a023000");
  EXPECT_EQ(again(hex("5a 02 28 00")), "5a022800");
  EXPECT_EQ(again(hex("9a01 02 22 00")), "9a01022200");
  EXPECT_EQ(again(hex("9a01 02 2a 00")), "9a01022a00");
}

TEST(RustdeskMessages, DefaultsThatAreWrittenOutAreReadAndLeftOut) {
  EXPECT_EQ(again(hex("42 06 0a00 1000 4000")), "4200");
}

TEST(RustdeskMessages, NumbersKeepTheirSignAndOpenEnumsTheirNumber) {
  const auto negative = hex("32 0b 10 ffffffffffffffffff01");
  EXPECT_EQ(std::get<RegisterPeer>(parse(negative)->body).serial, -1);
  EXPECT_EQ(again(negative), to_hex(negative));
  const auto open = hex("42 03 10 ac02");
  EXPECT_EQ(static_cast<std::int32_t>(std::get<PunchHoleRequest>(parse(open)->body).nat_type), 300);
  EXPECT_EQ(again(open), to_hex(open));
}

TEST(RustdeskMessages, WhatIsNotLookedIntoStaysBytes) {
  for (const auto& [number, name] : {std::pair{17U, "SoftwareUpdate"},
                                     {22U, "PeerDiscovery"},
                                     {26U, "HealthCheck"},
                                     {27U, "HttpProxyRequest"},
                                     {28U, "HttpProxyResponse"}}) {
    const auto bytes = member(number, hex("ffffff0b0b"));
    EXPECT_EQ(outcome(bytes), name);
    EXPECT_EQ(again(bytes), to_hex(bytes));
  }
}

TEST(RustdeskMessages, FieldsThatAreNotKnownAreKeptInTheirOrder) {
  const auto varint = hex("f007 9601");               // 126
  const auto fixed64 = hex("f907 0102030405060708");  // 127
  const auto bytes = hex("8208 03 ffffff");           // 128
  const auto fixed32 = hex("8d08 01020304");          // 129
  const auto unknown = joined({fixed32, varint, bytes, fixed64, varint});
  for (const auto& test : cases()) {
    const auto known = all_fields(test);
    const auto mixed = joined({fixed32, varint, known, bytes, fixed64, varint});
    EXPECT_EQ(again(member(test.member, mixed)), to_hex(member(test.member, joined({known, unknown})))) << test.name;
    const auto beside = joined({fixed32, varint, member(test.member, known), bytes, fixed64, varint});
    EXPECT_EQ(again(beside), to_hex(joined({member(test.member, known), unknown}))) << test.name;
    EXPECT_EQ(to_hex(parse(beside)->unknown), to_hex(unknown));
  }
}

TEST(RustdeskMessages, AMemberThatIsNotKnownIsKeptWhole) {
  const auto newer = member(29, hex("0a0131"));
  EXPECT_EQ(outcome(newer), "unknown");
  EXPECT_EQ(std::get<UnknownMember>(parse(newer)->body).number, 29U);
  EXPECT_EQ(again(newer), to_hex(newer));
}

TEST(RustdeskMessages, WithoutAMemberAreNone) {
  EXPECT_EQ(outcome({}), "!no_member");
}

TEST(RustdeskMessages, LongerThanTheCallerTakesAreRefused) {
  const auto bytes = member(6, text_field(1, "123456789"));
  EXPECT_TRUE(parse(bytes, bytes.size()));
  EXPECT_EQ(parse(bytes, bytes.size() - 1).error(), DecodeError::too_long);
  EXPECT_EQ(outcome(Buffer(longest_message + 1, 0)), "!too_long");
}

TEST(RustdeskMessages, NamesAreBoundedWhereverTheyAre) {
  for (const auto& test : cases()) {
    for (const auto& [number, kind] : test.fields) {
      if (is_number(kind)) continue;
      const auto longest = member(test.member, text_field(number, std::string(longest_name, 'x')));
      const auto longer = member(test.member, text_field(number, std::string(longest_name + 1, 'x')));
      EXPECT_EQ(outcome(longest), test.name) << number;
      EXPECT_EQ(outcome(longer), is_name(kind) ? "!name_too_long" : test.name) << test.name << " " << number;
    }
  }
}

TEST(RustdeskTrap7, AFieldThatComesTwiceIsRefused) {
  for (const auto& test : cases()) {
    for (const auto& [number, kind] : test.fields) {
      if (is_list(kind)) continue;
      const auto twice = joined({one_field(number, kind), one_field(number, kind)});
      EXPECT_EQ(outcome(member(test.member, twice)), "!duplicate_field") << test.name << " " << number;
    }
  }
}

TEST(RustdeskTrap7, TwoMembersOfTheUnionAreRefused) {
  const auto good = member(8, text_field(1, "111111111"));
  const auto banned = member(8, text_field(1, "222222222"));
  EXPECT_EQ(outcome(joined({good, banned})), "!several_members");
  for (const auto& test : cases()) {
    EXPECT_EQ(outcome(joined({good, member(test.member, {})})), "!several_members") << test.name;
    EXPECT_EQ(outcome(joined({member(test.member, {}), good})), "!several_members") << test.name;
  }
  EXPECT_EQ(outcome(joined({good, member(28, {})})), "!several_members");
  EXPECT_EQ(outcome(hex("5a 04 2800 3000")), "!several_members");
  EXPECT_EQ(outcome(hex("5a 04 3000 2800")), "!several_members");
  EXPECT_EQ(outcome(hex("9a01 04 2200 2a00")), "!several_members");
  EXPECT_EQ(outcome(hex("9a01 04 2a00 2200")), "!several_members");
}

TEST(RustdeskTrap7, VarintsLongerThanNeedBeAreRefused) {
  EXPECT_EQ(outcome(hex("b200 00")), "!long_varint") << "the tag";
  EXPECT_EQ(outcome(hex("32 8000")), "!long_varint") << "the length";
  EXPECT_EQ(outcome(hex("32 03 10 8100")), "!long_varint") << "a number";
  EXPECT_EQ(outcome(hex("32 04 80 00 00 00")), "!long_varint") << "a tag of a field";
  EXPECT_EQ(outcome(hex("32 00 f007 8100")), "!long_varint") << "in a field that is not known";
  EXPECT_EQ(outcome(hex("32 00 f007 ffffffffffffffffff02")), "!long_varint") << "65 bits";
  EXPECT_EQ(outcome(hex("32 00 f007 ffffffffffffffffffff01")), "!long_varint") << "eleven bytes";
  EXPECT_EQ(outcome(hex("32 00 f007 ffffffffffffffffff01")), "RegisterPeer") << "64 bits";
}

TEST(RustdeskTrap7, AnotherWireTypeIsRefused) {
  for (const auto& test : cases()) {
    for (const auto& [number, kind] : test.fields) {
      const auto other = one_field(number, is_number(kind) ? Kind::bytes : Kind::number);
      EXPECT_EQ(outcome(member(test.member, other)), "!wire_type") << test.name << " " << number;
    }
    Buffer as_number;
    put_number(as_number, test.member, 1);
    EXPECT_EQ(outcome(as_number), "!wire_type") << test.name;
  }
  for (const auto* text : {"32 0d 09 0102030405060708 0a0131", "32 09 0d 01020304 0a0131"}) {
    EXPECT_TRUE(outcome(hex(text)).starts_with("!")) << text;
  }
  EXPECT_EQ(outcome(hex("32 00 f607")), "!wire_type") << "6";
  EXPECT_EQ(outcome(hex("32 00 f707")), "!wire_type") << "7";
}

TEST(RustdeskTrap7, TextThatIsNotUtf8IsRefused) {
  const auto id = [](std::string_view text) { return outcome(member(6, text_field(1, text))); };
  for (const auto* good : {"a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "123456789 \xe2\x82\xac 123456789"}) {
    EXPECT_EQ(id(good), "RegisterPeer") << to_hex(as_bytes(good));
  }
  for (const auto* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xe2\x82",
                          "\xe2\x82z", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
                          "\xf4\x90\x80\x80", "\xf5", "\xff", "12345678\xff", "1234567890123456\xe2\x82"}) {
    EXPECT_EQ(id(bad), "!text") << to_hex(as_bytes(bad));
  }
  for (const auto& test : cases()) {
    for (const auto& [number, kind] : test.fields) {
      if (!is_text(kind)) continue;
      EXPECT_EQ(outcome(member(test.member, text_field(number, "\xff"))), "!text") << test.name << " " << number;
    }
  }
}

TEST(RustdeskTrap7, GroupsAreRefusedHoweverDeep) {
  EXPECT_EQ(outcome(hex("32 00 f307 f407")), "!group");
  EXPECT_EQ(outcome(hex("32 00 f407")), "!group");
  EXPECT_EQ(outcome(hex("32 04 f307 f407")), "!group");
  const auto deep = joined({hex("3200"), Buffer(20000, 0x0b)});
  EXPECT_EQ(outcome(deep), "!group");
}

TEST(RustdeskTrap7, WhatEndsTooEarlyIsRefusedAtEveryByte) {
  for (const auto& test : cases()) {
    const auto whole = member(test.member, all_fields(test));
    for (std::size_t length = 1; length < whole.size(); ++length) {
      EXPECT_EQ(outcome(Buffer(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))), "!truncated")
          << test.name << " " << length;
    }
  }
  EXPECT_EQ(outcome(hex("32 00 f907 01")), "!truncated");
  EXPECT_EQ(outcome(hex("32 00 fd07 01")), "!truncated");
  EXPECT_EQ(outcome(hex("32 ffffffffffffffffff01")), "!truncated");
}

TEST(RustdeskMessages, NumbersThatTheirFieldCannotHoldAreRefused) {
  EXPECT_EQ(outcome(hex("3a 02 10 02")), "!number_range") << "a bool";
  EXPECT_EQ(outcome(hex("32 06 10 8080808008")), "!number_range") << "2^31";
  EXPECT_EQ(outcome(hex("32 06 10 ffffffff07")), "RegisterPeer") << "2^31-1";
  EXPECT_EQ(outcome(hex("32 06 10 ffffffff0f")), "!number_range") << "-1 of 32 bits";
  EXPECT_EQ(outcome(hex("32 0b 10 80808080f8ffffffff01")), "RegisterPeer") << "-2^31";
  EXPECT_EQ(outcome(hex("32 0b 10 fffffffff7ffffffff01")), "!number_range") << "-2^31-1";
}

TEST(RustdeskMessages, FieldNumbersThatDoNotExistAreRefused) {
  EXPECT_EQ(outcome(hex("00 00")), "!field_number");
  EXPECT_EQ(outcome(hex("32 02 00 00")), "!field_number");
  EXPECT_EQ(outcome(hex("3200 f8ffffff0f 01")), "RegisterPeer") << "2^29-1";
  EXPECT_EQ(outcome(hex("3200 8080808010 01")), "!field_number") << "2^29";
}

TEST(RustdeskOnlineStates, AreBitsFromTheHighest) {
  Buffer states = hex("a0 40");
  const std::vector<bool> expected{true, false, true, false, false, false, false, false, false, true};
  EXPECT_EQ(online_states_size(expected.size()), states.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(is_online(states, i), expected[i]) << i;
  set_online(states, 2, false);
  set_online(states, 15, true);
  set_online(states, 16, true);
  EXPECT_EQ(to_hex(states), "8041");
  EXPECT_FALSE(is_online(states, 16));
}

}  // namespace
}  // namespace gatehouse::rustdesk
