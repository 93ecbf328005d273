// What backends do that no good one does: they die, are silent, reset, send the client elsewhere, or lie about lengths.
// The session ends and says why, and nothing of it reaches anybody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "rdp_desktop.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class RdpBackends : public RdpDesktop {
 protected:
  RdpBackends() {
    const auto made = run_command({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                                   (home_.path() / "key.pem").string(), "-out", (home_.path() / "cert.pem").string(),
                                   "-subj", "/CN=backend", "-days", "3"});
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    gateway_.start();
    apply("channels: all");
  }
  // A server that does this to each client that is active.
  void serve_faults(const std::string& commands) {
    faulty_ = std::make_unique<Process>(
        std::vector<std::string>{(program_directory() / "faulty_server").string(), where_.backend.text(), "3389",
                                 (home_.path() / "cert.pem").string(), (home_.path() / "key.pem").string()},
        StartOptions{.where = &network_.backend, .environment = {}, .directory = {}, .input = commands});
    ASSERT_TRUE(faulty_->wait_for_output("^listening", patiently(10s))) << faulty_->errors();
  }
  // Of the one session that there was.
  std::string end_detail() { return last_end(); }

  std::unique_ptr<Process> faulty_;
};

TEST_F(RdpBackends, OneThatDiesEndsTheSession) {
  serve();
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  shadow_.reset();
  EXPECT_TRUE(ended_as("backend_reset")) << sessions();
  EXPECT_THAT(end_detail(), HasSubstr("broke off"));
  EXPECT_TRUE(viewer->wait(patiently(10s))) << "the client goes on";
}

TEST_F(RdpBackends, OneThatResetsBeforeTlsIsSaid) {
  const auto listener = listen_tcp(network_.backend, {where_.backend, 3389});
  const auto viewer = client();
  auto accepted = accept_tcp(listener, patiently(20s));
  ASSERT_TRUE(accepted.valid());
  close_with_reset(std::move(accepted));
  EXPECT_TRUE(ended_as("backend_refused")) << sessions();
  EXPECT_TRUE(viewer->wait(patiently(20s)));
  EXPECT_FALSE(accept_tcp(listener, 1s).valid() && audit_rows("connection_ended").size() == 1)
      << "dialled twice for one connection";
}

TEST_F(RdpBackends, OneThatSaysNothingIsGivenUp) {
  const auto listener = listen_tcp(network_.backend, {where_.backend, 3389});
  const auto viewer = client();
  const auto accepted = accept_tcp(listener, patiently(20s));
  ASSERT_TRUE(accepted.valid());
  EXPECT_TRUE(eventually([&] { return last_end().starts_with("backend_timeout"); }, 40s)) << last_end();
  EXPECT_TRUE(viewer->wait(patiently(20s)));
}

TEST_F(RdpBackends, OneThatIsNoRdpServerIsRefused) {
  const auto listener = listen_tcp(network_.backend, {where_.backend, 3389});
  const auto viewer = client();
  auto accepted = accept_tcp(listener, patiently(20s));
  ASSERT_TRUE(accepted.valid());
  EXPECT_EQ(send_all(accepted, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nInvalid SSH identification string.\r\n"), 0);
  accepted.reset();
  EXPECT_TRUE(ended_as("backend_refused")) << sessions();
  EXPECT_TRUE(viewer->wait(patiently(20s)));
}

TEST_F(RdpBackends, OneThatSendsTheClientElsewhereIsNotFollowed) {
  const auto elsewhere = listen_tcp(network_.backend, {where_.second_backend, 3389});
  serve_faults("redirect " + where_.second_backend.text() + "\nwait 3000\n");
  const auto viewer = client();
  EXPECT_TRUE(faulty_->wait_for_output("^redirect done", patiently(20s))) << faulty_->output() << viewer->errors();
  EXPECT_TRUE(ended_as("error")) << sessions();
  EXPECT_THAT(end_detail(), AllOf(HasSubstr(where_.second_backend.text()), HasSubstr("not followed")));
  EXPECT_THAT(audit("redirection_refused"), HasSubstr(where_.second_backend.text()));
  EXPECT_TRUE(viewer->wait(patiently(20s))) << "the client goes on";
  EXPECT_FALSE(accept_tcp(elsewhere, 3s).valid()) << "somebody has followed";
}

TEST_F(RdpBackends, OneWhoseMessagesContradictTheirLengthEndsTheSession) {
  serve_faults("chunk cliprdr 16 3 0100000000000000\nwait 3000\n");
  const auto viewer = client({"+clipboard"});
  EXPECT_TRUE(ended_as("error")) << sessions();
  EXPECT_THAT(end_detail(), HasSubstr("channel_fault: cliprdr"));
  EXPECT_TRUE(viewer->wait(patiently(20s))) << "the client goes on";
}

TEST_F(RdpBackends, OneWhoseDynamicChannelsLieCostsOneSession) {
  // Capabilities, the graphics channel, and then DATA_FIRST of 4 GB in it with a first piece, and pieces for ever
  // (MS-RDPEDYC 2.2.1.1.1, 2.2.2.1, 2.2.3.1): what a recording decodes.
  const std::string graphics = "4d6963726f736f66743a3a57696e646f77733a3a5244533a3a477261706869637300";
  serve_faults("chunk drdynvc 4 3 50000100\nwait 300\nchunk drdynvc " + std::to_string(2 + graphics.size() / 2) +
               " 3 1001" + graphics + "\nwait 300\nchunk drdynvc 10 3 2801ffffffff00000000\n" +
               "repeat 2000 drdynvc 6 3 3001aaaaaaaa\nwait 1000\nclose\n");
  const auto viewer = client();
  EXPECT_TRUE(faulty_->wait_for_output("^over", patiently(40s))) << faulty_->output();
  EXPECT_TRUE(eventually([&] { return !last_end().empty(); }, 20s)) << sessions();
  EXPECT_THAT(end_detail(), Not(HasSubstr("worker died"))) << "it took the worker along";
  faulty_.reset();
  viewer->kill();
  serve();
  // It has another certificate than the faulty one.
  EXPECT_TRUE(client()->wait(patiently(20s)));
  ASSERT_EQ(gateway_.cli({"server", "trust", "win1"}).exit_code, 0);
  const auto next = client();
  EXPECT_TRUE(shows_the_desktop()) << next->errors() << sessions();
}

}  // namespace
}  // namespace gatehouse::test
