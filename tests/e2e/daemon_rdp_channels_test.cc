// What goes over the clipboard and the drives of an RDP session, by a real client and real servers: each direction
// allowed and denied, and what the audit says of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "rdp_gateway.h"

namespace gatehouse::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::string sha256_of(const std::filesystem::path& file) {
  return run_command({"sha256sum", file.string()}).output.substr(0, 64);
}

// A session of xrdp, whose desktop has a clipboard: text and files.
class RdpClipboard : public RdpGateway {
 protected:
  RdpClipboard() : RdpGateway(", clipboard_text: text") {
    user_ = "vera";
    password_file_ = home_.write("password", password_).string();
    serve();
    gateway_.start();
  }
  void serve() {
    xrdp_ = std::make_unique<Process>(
        std::vector<std::string>{std::string(GATEHOUSE_SOURCE_DIR) + "/tests/support/xrdp_server.sh",
                                 where_.backend.text(), user_, password_file_, shared_.path().string()},
        StartOptions{.where = &network_.backend});
    ASSERT_TRUE(backend_listens()) << xrdp_->output() << xrdp_->errors();
  }
  void begin(const std::string& channels) {
    apply("channels: [" + channels + "]");
    viewer_ = client({"+clipboard", "/log-filters:com.freerdp.channels.channels.cliprdr.client:DEBUG"});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(shared_.path() / "ready"); }, 30s))
        << viewer_->errors() << xrdp_->errors();
    // What is copied before the client has announced its clipboard for the first time, it never announces.
    ASSERT_TRUE(viewer_->wait_for_output("ClientFormatList", patiently(30s))) << viewer_->errors();
  }
  // In the session, as its user: what it printed.
  std::string in_session(const std::string& command) {
    for (const auto* file : {"output", "status"}) std::filesystem::remove(shared_.path() / file);
    std::ofstream(shared_.path() / "command.new") << command << "\n";
    std::filesystem::rename(shared_.path() / "command.new", shared_.path() / "command");
    if (!eventually([&] { return std::filesystem::exists(shared_.path() / "status"); }, 30s)) return "no answer";
    return content_of(shared_.path() / "output");
  }
  std::string at_seat(const std::string& command) {
    return run_command({"sh", "-c", command}, {.environment = seat_.environment()}).output;
  }
  void copy_at_seat(const std::string& text, const std::string& target = "UTF8_STRING") {
    const auto file = directory_.write("copied", text).string();
    // It stays, to hand the selection out.
    owner_ = std::make_unique<Process>(
        std::vector<std::string>{"xclip", "-quiet", "-selection", "clipboard", "-t", target, "-i", file},
        StartOptions{.environment = seat_.environment()});
  }

  std::string password_file_;
  TemporaryDirectory shared_;
  std::unique_ptr<Process> owner_;
  std::unique_ptr<Process> xrdp_;
  std::unique_ptr<Process> viewer_;
};

constexpr const char* paste = "timeout 5 xclip -selection clipboard -t UTF8_STRING -o";

TEST_F(RdpClipboard, TextGoesBothWaysAndIsAudited) {
  begin("clipboard");
  copy_at_seat("text of the client");
  EXPECT_TRUE(eventually([&] { return in_session(paste) == "text of the client"; }, 20s)) << in_session(paste);
  in_session("printf 'text of the server' | xclip -selection clipboard -i");
  EXPECT_TRUE(eventually([&] { return at_seat(paste) == "text of the server"; }, 20s)) << at_seat(paste);
  EXPECT_TRUE(eventually([&] { return audit("clipboard_passed").find("of the server") != std::string::npos; }));
  EXPECT_THAT(
      audit("clipboard_passed"),
      AllOf(HasSubstr("to_server text, 18 bytes, sha256 "
                      "b7633ed35f64daeb6e66fe7da0d925bb5063afc5a3c6cac01ae139524436dbf8, text \"text of the client\""),
            HasSubstr(
                "to_client text, 18 bytes, sha256 7d7a233d83a984bc31af6e1f2ed54957dd2d3525605cc7d83334ea9cd0710195")));
}

TEST_F(RdpClipboard, TextGoesOnlyTheWayThatTheGrantAllows) {
  begin("clipboard_text_to_client");
  in_session("printf 'text of the server' | xclip -selection clipboard -i");
  EXPECT_TRUE(eventually([&] { return at_seat(paste) == "text of the server"; }, 20s)) << at_seat(paste);
  copy_at_seat("text of the client");
  EXPECT_TRUE(
      eventually([&] { return audit("channel_refused").find("clipboard_text_to_server") != std::string::npos; }, 10s))
      << audit("channel_refused");
  EXPECT_EQ(in_session(paste).find("text of the client"), std::string::npos);
  EXPECT_THAT(audit("clipboard_passed"), Not(HasSubstr("to_server")));
  EXPECT_TRUE(viewer_->running()) << "what is denied is to be seen as refused, not as broken";
}

TEST_F(RdpClipboard, AFileThatIsCopiedToTheServerIsAuditedWithItsHash) {
  begin("clipboard");
  const auto file = directory_.path() / "plan.bin";
  run_command({"dd", "if=/dev/urandom", "of=" + file.string(), "bs=1000", "count=700"});
  copy_at_seat("file://" + file.string(), "text/uri-list");
  const std::string fetch = "sha256sum < ~/thinclient_drives/.clipboard/plan.bin";
  // The list of files is fetched by who pastes.
  in_session("timeout 5 xclip -selection clipboard -t text/uri-list -o");
  EXPECT_TRUE(eventually(
      [&] {
        in_session("timeout 5 xclip -selection clipboard -t text/uri-list -o");
        return in_session(fetch).substr(0, 64) == sha256_of(file);
      },
      30s))
      << in_session(fetch);
  EXPECT_TRUE(eventually([&] { return !audit("file_passed").empty(); }));
  EXPECT_THAT(audit("file_passed"),
              HasSubstr("clipboard to_server \"plan.bin\", 700000 bytes, sha256 " + sha256_of(file) + "\n"));
}

TEST_F(RdpClipboard, AFileMayGoOneWayAndNotTheOther) {
  begin("clipboard_files_to_client");
  const auto file = directory_.write("plan.txt", "the plan of the client");
  copy_at_seat("file://" + file.string(), "text/uri-list");
  EXPECT_TRUE(
      eventually([&] { return audit("channel_refused").find("clipboard_files_to_server") != std::string::npos; }, 10s))
      << audit("channel_refused");
  EXPECT_THAT(
      in_session("timeout 5 xclip -selection clipboard -t text/uri-list -o; cat ~/thinclient_drives/.clipboard/*"),
      Not(HasSubstr("the plan of the client")));
  in_session(
      "printf 'the plan of the server' > ~/report.txt; printf 'copy\\nfile:///home/vera/report.txt' | "
      "xclip -selection clipboard -t x-special/gnome-copied-files -i");
  // The client shows the files of the server in a file system of its own.
  const std::string list = "timeout 5 xclip -selection clipboard -t text/uri-list -o | tr -d '\\r' | sed 's|file://||'";
  std::string seen;
  EXPECT_TRUE(eventually(
      [&] {
        const auto place = at_seat(list);
        if (place.empty()) return false;
        // No byte more than there is: xrdp answers who asks behind the end that it cannot.
        seen = at_seat("head -c 22 '" + place.substr(0, place.find('\n')) + "'");
        return seen == "the plan of the server";
      },
      30s))
      << seen << at_seat("xclip -selection clipboard -t TARGETS -o") << viewer_->errors();
  EXPECT_THAT(audit("file_passed"), AllOf(HasSubstr("clipboard to_client \"report.txt\", 22 bytes, sha256 " +
                                                    sha256_of(directory_.write("x", "the plan of the server"))),
                                          Not(HasSubstr("to_server"))));
}

// A server that uses the client's drive as it is told.
class RdpDrives : public RdpGateway {
 protected:
  RdpDrives() {
    const auto made = run_command({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                                   (home_.path() / "key.pem").string(), "-out", (home_.path() / "cert.pem").string(),
                                   "-subj", "/CN=backend", "-days", "3"});
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    std::filesystem::create_directory(drive());
    std::ofstream(drive() / "a.txt") << "content of a file";
    gateway_.start();
  }
  std::filesystem::path drive() { return directory_.path() / "drive"; }
  // What the server has done, line by line, with these words in the grant.
  std::string serve(const std::string& channels, const std::string& commands) {
    apply("channels: [" + channels + "]");
    Process server({(program_directory() / "drive_server").string(), where_.backend.text(), "3389",
                    (home_.path() / "cert.pem").string(), (home_.path() / "key.pem").string()},
                   {.where = &network_.backend, .environment = {}, .directory = {}, .input = commands});
    if (!server.wait_for_output("^listening", patiently(10s))) return "no server";
    const auto viewer = client({"/drive:share," + drive().string()});
    const auto last = commands.substr(commands.rfind('\n', commands.size() - 2) + 1);
    EXPECT_TRUE(server.wait_for_output("^" + last.substr(0, last.find(' ')) + " ", patiently(30s)))
        << server.output() << viewer->errors();
    viewer->signal(SIGTERM);
    EXPECT_TRUE(ended_as("normal")) << sessions();
    return server.output();
  }
};

TEST_F(RdpDrives, WhatIsReadAndWrittenIsAuditedWithItsHash) {
  const auto done = serve("drives", "read \\a.txt\nwrite \\new.txt written by the server\n");
  EXPECT_THAT(done,
              AllOf(HasSubstr("drive share"), HasSubstr("read 00000000 content of a file"), HasSubstr("write sent")));
  EXPECT_EQ(content_of(drive() / "new.txt"), "written by the server");
  EXPECT_TRUE(eventually([&] { return audit("file_passed").find("new.txt") != std::string::npos; }));
  EXPECT_THAT(
      audit("file_passed"),
      AllOf(HasSubstr(R"(drive to_server "share\\a.txt", 17 bytes, sha256 )" + sha256_of(drive() / "a.txt")),
            HasSubstr(R"(drive to_client "share\\new.txt", 21 bytes, sha256 )" + sha256_of(drive() / "new.txt"))));
}

TEST_F(RdpDrives, AServerThatMayDeleteAndRenameDoesSo) {
  std::ofstream(drive() / "old.txt") << "old";
  serve("drives_read, drives_delete, drives_rename", "delete \\old.txt\nrename \\a.txt \\b.txt\n");
  EXPECT_FALSE(std::filesystem::exists(drive() / "old.txt"));
  EXPECT_EQ(content_of(drive() / "b.txt"), "content of a file");
}

TEST_F(RdpDrives, AServerThatMayOnlyReadNeitherWritesNorDeletesNorRenames) {
  const auto done = serve("drives_read",
                          "read \\a.txt\nwrite \\a.txt x\nwrite \\new.txt x\ndelete \\a.txt\n"
                          "rename \\a.txt \\b.txt\n");
  EXPECT_THAT(done, AllOf(HasSubstr("read 00000000 content of a file"), HasSubstr("write c0000022"),
                          HasSubstr("delete c0000022"), HasSubstr("rename c0000022")));
  EXPECT_EQ(content_of(drive() / "a.txt"), "content of a file");
  EXPECT_FALSE(std::filesystem::exists(drive() / "new.txt"));
  EXPECT_FALSE(std::filesystem::exists(drive() / "b.txt"));
  EXPECT_THAT(audit("channel_refused"), AllOf(HasSubstr("drives_write"), HasSubstr("drives_delete")));
}

TEST_F(RdpDrives, AServerThatMayOnlyWriteReadsNothing) {
  const auto done = serve("drives_write", "read \\a.txt\nwrite \\new.txt written\n");
  EXPECT_THAT(done, AllOf(HasSubstr("read c0000022"), HasSubstr("write sent")));
  EXPECT_EQ(content_of(drive() / "new.txt"), "written");
  EXPECT_THAT(audit("file_passed"), Not(HasSubstr("to_server")));
}

TEST_F(RdpDrives, AServerThatMayNeitherNeverHearsOfTheDrive) {
  const auto done = serve("printers", "read \\a.txt\n");
  EXPECT_THAT(done, AllOf(HasSubstr("read none"), Not(HasSubstr("drive share"))));
  EXPECT_THAT(audit("channel_refused"), HasSubstr("drives"));
  EXPECT_THAT(audit("file_passed"), IsEmpty());
}

}  // namespace
}  // namespace gatehouse::test
