// What a client sends that breaks the protocol: before it is anybody, inside TLS, and as a session that is running.
// Whatever it is, it costs the gateway that one connection, and the next one is served.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdp_desktop.h"

namespace gatehouse::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RdpBytes : public RdpDesktop {
 protected:
  RdpBytes() {
    serve();
    gateway_.start();
    apply("channels: all");
  }
  struct Attempt {
    std::string hex;
    unsigned times = 1;
  };
  // Makes them all at once, for many are closed only after a while; each must be.
  void expect_closed(const std::string& stage, const std::vector<Attempt>& attempts) {
    std::vector<std::unique_ptr<Process>> clients;
    for (const auto& [hex, times] : attempts) {
      clients.push_back(std::make_unique<Process>(
          std::vector<std::string>{std::string(GATEHOUSE_SOURCE_DIR) + "/tests/support/rdp_bytes.py", proxy_.text(),
                                   where_.client.text(), stage, hex, std::to_string(times)},
          StartOptions{.where = &network_.client}));
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
      EXPECT_TRUE(clients[i]->wait(patiently(60s))) << attempts[i].hex;
      clients[i]->wait_for_end_of_output(patiently(2s));
      EXPECT_EQ(clients[i]->output(), "closed\n") << attempts[i].hex << clients[i]->errors();
    }
  }
  // The reason that the newest session ended with, once it has.
  std::string end_of_the_last() {
    EXPECT_TRUE(eventually([&] { return !last_end().empty(); }));
    return last_end();
  }
  // A session with static channels of its own, which does this once it has a picture: what it said.
  std::string act(const std::string& commands, const std::vector<std::string>& channels) {
    std::vector<std::string> words{
        (program_directory() / "faulty_client").string(), proxy_.text(), "3389", user_, password_, "1"};
    words.insert(words.end(), channels.begin(), channels.end());
    Process client(words, {.where = &network_.client, .environment = {}, .directory = {}, .input = commands});
    EXPECT_TRUE(client.wait(patiently(60s))) << client.output();
    client.wait_for_end_of_output(patiently(2s));
    return client.output();
  }
  void expect_that_others_are_served() { EXPECT_THAT(act("", {}), HasSubstr("picture")) << gateway_.log(); }
};

TEST_F(RdpBytes, WhatIsNoConnectionRequestGetsNoWorker) {
  const auto before = workers();
  for (const auto* hex : {"0300000000", "0300000100e0", "0300000200e0", "0300000300e0",  // TPKT lengths of 0 to 3
                          "0300000400e0", "0300000602e0", "0300ffff0ee00000000000",      // too short, oversize
                          "03000013ffe000000000000100080001000000",                      // X.224 longer than its TPKT
                          "0300001300e000000000000100080001000000",                      // and shorter than itself
                          "030000130ef000000000000100080001000000",                      // data, before any connection
                          "474554202f20485454502f312e310d0a0d0a", "160301020001", "00"}) {
    expect_closed("first", {{hex}});
    EXPECT_THAT(end_of_the_last(), HasSubstr("error: the client does not speak RDP")) << hex;
  }
  EXPECT_EQ(workers(), before) << "a worker was taken";
  expect_that_others_are_served();
}

TEST_F(RdpBytes, WhoGoesOnWithAnythingButTlsIsClosed) {
  expect_closed("tls", {{"0300000000000000"},
                        {"0300ffff02f08000"},
                        {"ffffffffffffffffffff"},
                        {"1603010000"},
                        {"030000130ee000000000000100080001000000"}});
  expect_that_others_are_served();
}

TEST_F(RdpBytes, LengthsThatLieInsideTlsCostOneConnection) {
  expect_closed("mcs", {{"0300000000"},
                        {"03000003"},
                        {"0300ffff02f080"},                // a TPKT that never becomes whole
                        {"0300000702f080", 10'000},        // X.224 data with nothing in it, for ever
                        {"0300000802f08000", 10'000},      // and with a byte
                        {"0300000cfff0807f65847fffffff"},  // X.224 and BER lengths beyond all
                        {"0300001202f0807f658500ffffffff04010104"},
                        {"0080ffff"},  // fast-path, before there is a session
                        {"0381"}});
  expect_that_others_are_served();
}

TEST_F(RdpBytes, ALengthThatContradictsItselfEndsTheSessionThatSaysIt) {
  // First and last at once, of 16 bytes, where 8 are there; and a chunk that comes after its message was full.
  EXPECT_THAT(act("chunk cliprdr 16 3 0100000000000000\nstay\n", {"cliprdr"}), HasSubstr("picture"));
  EXPECT_THAT(end_of_the_last(), HasSubstr("error: channel_fault: cliprdr"));
  EXPECT_THAT(act("chunk rdpdr 4 1 7244\nchunk rdpdr 4 0 72444e43\nstay\n", {"rdpdr"}), HasSubstr("picture"));
  EXPECT_THAT(end_of_the_last(), HasSubstr("error: channel_fault: rdpdr"));
  expect_that_others_are_served();
}

TEST_F(RdpBytes, AMessageWithoutEndIsNotKept) {
  // Of 4 GB, in chunks that never are the last one.
  std::string piece(3200, '0');
  EXPECT_THAT(
      act("chunk cliprdr 4294967295 1 " + piece + "\nrepeat 4000 cliprdr 4294967295 0 " + piece + "\nwait 500\n",
          {"cliprdr"}),
      HasSubstr("picture"));
  EXPECT_THAT(end_of_the_last(), Not(HasSubstr("worker died")));
  expect_that_others_are_served();
}

TEST_F(RdpBytes, DynamicChannelsWhoseLengthsLieAreTheServersAndTheClientsOwn) {
  // DYNVC_DATA_FIRST (MS-RDPEDYC 2.2.3.1) of 4 GB on a channel that nobody has opened, and one whose data loops.
  const auto said =
      act("chunk drdynvc 10 3 2807ffffffff00000000\nchunk drdynvc 3 3 240700\n"
          "repeat 200 drdynvc 6 3 24070100aaaa\nwait 500\n",
          {"drdynvc"});
  EXPECT_THAT(said, HasSubstr("picture"));
  EXPECT_THAT(end_of_the_last(), Not(HasSubstr("worker died")));
  expect_that_others_are_served();
}

}  // namespace
}  // namespace gatehouse::test
