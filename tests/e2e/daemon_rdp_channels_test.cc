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

// A grant with one word for one kind and one direction: it goes that way, and no other.
struct OneWay {
  std::string kind;  // text, images, files
  bool to_server = false;
  [[nodiscard]] std::string word(bool way) const { return "clipboard_" + kind + (way ? "_to_server" : "_to_client"); }
};

class RdpClipboardOneWay : public RdpClipboard, public ::testing::WithParamInterface<OneWay> {
 protected:
  RdpClipboardOneWay() {
    run_command({"dd", "if=/dev/urandom", "of=" + file().string(), "bs=1000", "count=70"});
    run_command({"convert", "-size", "16x12", "plasma:fractal", "BMP3:" + picture().string()});
    for (const auto& each : {file(), picture()}) {
      std::filesystem::permissions(each, std::filesystem::perms::all);
    }
  }
  // Both are where the session sees them too, as /tmp/share.
  std::filesystem::path file() { return shared_.path() / "plan.bin"; }
  std::filesystem::path picture() { return shared_.path() / "picture.bmp"; }
  [[nodiscard]] const std::string& kind() const { return GetParam().kind; }

  void copy(bool at_the_seat) {
    const auto place = at_the_seat ? shared_.path().string() : std::string("/tmp/share");
    const std::string selection = "xclip -selection clipboard ";
    std::string command = "printf 'a plan' | " + selection + "-t UTF8_STRING -i";
    if (kind() == "images") command = selection + "-t image/bmp -i " + place + "/picture.bmp";
    if (kind() == "files") command = "printf 'file://" + place + "/plan.bin' | " + selection + "-t text/uri-list -i";
    if (at_the_seat) {
      owner_ = std::make_unique<Process>(std::vector<std::string>{"sh", "-c", command},
                                         StartOptions{.environment = seat_.environment()});
    } else {
      in_session(command);
    }
  }
  // Of a BMP that has the pixels of the picture, at whatever place: headers differ, for the clipboard carries none of
  // the file's, and each end makes its own; xrdp hands out as many bytes as there are without its 14 bytes of it.
  static std::string pixels(const std::string& place) {
    return "python3 -c 'import sys, hashlib; p = open(\"" + place +
           "/picture.bmp\", \"rb\").read()[54:]; d = sys.stdin.buffer.read(); "
           "print(hashlib.sha256(p).hexdigest() if p[:-14] in d else (len(p), len(d), d[:80].hex()))'";
  }
  // Of what is pasted: the SHA-256 of the text, the file or the pixels.
  std::string paste(bool at_the_seat) {
    const std::string of = "timeout 5 xclip -selection clipboard -o -t ";
    std::string command = of + "UTF8_STRING | sha256sum";
    if (kind() == "images")
      command = of + "image/bmp | " + pixels(at_the_seat ? shared_.path().string() : "/tmp/share");
    if (kind() == "files" && at_the_seat) {
      // No byte more than there is: xrdp answers who asks behind the end that it cannot, and the client that it is
      // broken.
      command = "name=$(" + of + "text/uri-list | tr -d '\\r' | sed -n '1s|file://||p'); " +
                "[ -e \"$name\" ] && timeout 5 head -c 70000 \"$name\" | sha256sum";
    }
    if (kind() == "files" && !at_the_seat) {
      // xrdp fetches the list when somebody pastes.
      command = of + "text/uri-list >/dev/null; timeout 5 sha256sum <~/thinclient_drives/.clipboard/plan.bin";
    }
    const auto told = at_the_seat ? at_seat(command) : in_session(command);
    return kind() == "images" ? told.substr(0, told.find('\n')) : told.substr(0, 64);
  }
  std::string expected() {
    if (kind() == "files") return sha256_of(file());
    const std::string command = kind() == "text"
                                    ? "printf 'a plan' | sha256sum"
                                    : "cat '" + picture().string() + "' | " + pixels(shared_.path().string());
    return run_command({"sh", "-c", command}).output.substr(0, 64);
  }
};

TEST_P(RdpClipboardOneWay, GoesTheOneWayAndIsRefusedTheOther) {
  const bool to_server = GetParam().to_server;
  begin(GetParam().word(to_server));
  copy(!to_server);
  EXPECT_TRUE(
      eventually([&] { return audit("channel_refused").find(GetParam().word(!to_server)) != std::string::npos; }, 10s))
      << audit("channel_refused");
  EXPECT_NE(paste(to_server), expected());
  EXPECT_TRUE(viewer_->running()) << "what is denied is to be seen as refused, not as broken";

  copy(to_server);
  std::string seen;
  EXPECT_TRUE(eventually([&] { return (seen = paste(!to_server)) == expected(); }, 20s)) << seen << viewer_->errors();
  const std::string way = to_server ? "to_server" : "to_client";
  const std::string other_way = to_server ? "to_client" : "to_server";
  if (kind() == "files") {
    EXPECT_TRUE(eventually([&] { return !audit("file_passed").empty(); }));
    EXPECT_EQ(audit("file_passed"), "clipboard " + way + " \"plan.bin\", 70000 bytes, sha256 " + expected() + "\n");
  } else {
    EXPECT_TRUE(eventually([&] { return !audit("clipboard_passed").empty(); }));
    EXPECT_THAT(audit("clipboard_passed"),
                AllOf(HasSubstr(way + (kind() == "text" ? " text, 6 bytes, sha256 " + expected() : " image, ")),
                      Not(HasSubstr(other_way))));
  }
  EXPECT_EQ(sessions().at(0).at("end_reason"), "open");
}

INSTANTIATE_TEST_SUITE_P(Each, RdpClipboardOneWay,
                         ::testing::Values(OneWay{"text", true}, OneWay{"text", false}, OneWay{"images", true},
                                           OneWay{"images", false}, OneWay{"files", true}, OneWay{"files", false}),
                         [](const auto& each) { return each.param.word(each.param.to_server); });

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

// A server that uses the client's drive as it is told.
class RdpDrives : public RdpGateway {
 protected:
  explicit RdpDrives(const std::string& options = {}) : RdpGateway(options) {
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
  std::string serve(const std::string& channels, const std::string& commands, const std::string& terms = {}) {
    apply("channels: [" + channels + "]" + terms);
    Process server({(program_directory() / "drive_server").string(), where_.backend.text(), "3389",
                    (home_.path() / "cert.pem").string(), (home_.path() / "key.pem").string()},
                   {.where = &network_.backend, .environment = {}, .directory = {}, .input = commands});
    if (!server.wait_for_output("^listening", patiently(10s))) return "no server";
    const auto viewer = client({"/drive:share," + drive().string()});
    const auto last = commands.substr(commands.rfind('\n', commands.size() - 2) + 1);
    EXPECT_TRUE(server.wait_for_output("^" + last.substr(0, last.find(' ')) + " ", patiently(30s)))
        << server.output() << viewer->errors();
    EXPECT_TRUE(viewer->running()) << "what is denied is to be seen as refused, not as broken";
    viewer->signal(SIGTERM);
    EXPECT_TRUE(ended_as("normal")) << sessions();
    return server.output();
  }
};

TEST_F(RdpDrives, WhatIsReadAndWrittenIsAuditedWithItsHash) {
  for (const auto& file : {drive() / "long.bin", directory_.path() / "there.bin"}) {
    run_command({"dd", "if=/dev/urandom", "of=" + file.string(), "bs=1000", "count=300"});
  }
  const auto done = serve("drives", "get \\long.bin " + (directory_.path() / "got.bin").string() + "\nput " +
                                        (directory_.path() / "there.bin").string() + " \\new.bin\nread \\a.txt\n");
  EXPECT_THAT(done, AllOf(HasSubstr("drive share"), HasSubstr("get 00000000"), HasSubstr("put 00000000"),
                          HasSubstr("read 00000000 content of a file")));
  EXPECT_EQ(sha256_of(directory_.path() / "got.bin"), sha256_of(drive() / "long.bin"));
  EXPECT_EQ(sha256_of(drive() / "new.bin"), sha256_of(directory_.path() / "there.bin"));
  EXPECT_THAT(
      audit("file_passed"),
      AllOf(HasSubstr(R"(drive to_server "share\\long.bin", 300000 bytes, sha256 )" + sha256_of(drive() / "long.bin")),
            HasSubstr(R"(drive to_client "share\\new.bin", 300000 bytes, sha256 )" + sha256_of(drive() / "new.bin")),
            HasSubstr(R"(drive to_server "share\\a.txt", 17 bytes, sha256 )" + sha256_of(drive() / "a.txt"))));
}

class RdpKeptFiles : public RdpDrives {
 protected:
  RdpKeptFiles() : RdpDrives(", files: copy") {}
};

TEST_F(RdpKeptFiles, AreInTheRecordingThatVouchesForThem) {
  run_command({"dd", "if=/dev/urandom", "of=" + (drive() / "long.bin").string(), "bs=1000", "count=300"});
  serve("drives", "get \\long.bin " + (directory_.path() / "got.bin").string() + "\nwrite \\new.txt written\n");
  EXPECT_THAT(audit("file_passed"),
              AllOf(HasSubstr("sha256 " + sha256_of(drive() / "long.bin") + ", kept as file-00001\n"),
                    HasSubstr("sha256 " + sha256_of(drive() / "new.txt") + ", kept as file-00002\n")));
  EXPECT_EQ(sha256_of(recording() / "file-00001"), sha256_of(drive() / "long.bin"));
  EXPECT_EQ(content_of(recording() / "file-00002"), "written");
  const auto verify = [&] { return gateway_.cli({"recording", "verify", recording().string()}); };
  EXPECT_EQ(verify().exit_code, 0) << verify().output << verify().errors;
  std::fstream(recording() / "file-00001", std::ios::binary | std::ios::in | std::ios::out).seekp(200'000).put('x');
  EXPECT_NE(verify().exit_code, 0) << "a copy that was changed";
}

// A grant with one word: the server may do that, and is denied all else as by a file system that does not let it.
class RdpDrivesOneRight : public RdpDrives, public ::testing::WithParamInterface<std::string> {};

TEST_P(RdpDrivesOneRight, IsTheOnlyOne) {
  const auto right = GetParam();
  for (const auto* file : {"old.txt", "former.txt"}) std::ofstream(drive() / file) << file;
  const auto done = serve("drives_" + right,
                          "read \\a.txt\nwrite \\new.txt written\nwrite \\a.txt over\ndelete \\old.txt\n"
                          "rename \\former.txt \\latter.txt\nlast \n");
  const auto status = [&](const std::string& each) { return each == right ? "00000000" : "c0000022"; };
  for (const std::string each : {"read", "write", "delete", "rename"}) {
    EXPECT_THAT(done, AllOf(HasSubstr(each + " " + status(each)),
                            Not(HasSubstr(each + " " + (each == right ? "c0000022" : "00000000")))));
    EXPECT_EQ(audit("channel_refused").find("drives_" + each) == std::string::npos, each == right) << each;
  }
  EXPECT_THAT(done, HasSubstr("last unknown")) << "it goes on after what is denied";
  EXPECT_EQ(done.find("content of a file") != std::string::npos, right == "read");
  EXPECT_EQ(content_of(drive() / "new.txt"), right == "write" ? "written" : "");
  EXPECT_EQ(content_of(drive() / "a.txt"), right == "write" ? "over" : "content of a file");
  EXPECT_EQ(std::filesystem::exists(drive() / "old.txt"), right != "delete");
  EXPECT_EQ(content_of(drive() / (right == "rename" ? "latter.txt" : "former.txt")), "former.txt");
}

INSTANTIATE_TEST_SUITE_P(Each, RdpDrivesOneRight, ::testing::Values("read", "write", "delete", "rename"),
                         [](const auto& each) { return each.param; });

TEST_F(RdpDrives, AServerThatMayNeitherNeverHearsOfTheDrive) {
  const auto done = serve("printers", "read \\a.txt\n");
  EXPECT_THAT(done, AllOf(HasSubstr("read none"), Not(HasSubstr("drive share"))));
  EXPECT_THAT(audit("channel_refused"), HasSubstr("drives"));
  EXPECT_THAT(audit("file_passed"), IsEmpty());
}

using RdpDynamicChannels = RdpDrives;

TEST_F(RdpDynamicChannels, PassWhereTheGrantNamesThem) {
  const std::string commands = "channel FreeRDP::Advanced::Input\nchannel AUDIO_PLAYBACK_DVC\nlast \n";
  const auto done = serve("drives", commands, ", dynamic_channels: [\"FreeRDP::*\"]");
  EXPECT_THAT(done, AllOf(HasSubstr("channel 00000000 FreeRDP::Advanced::Input"),
                          HasSubstr("channel c0000001 AUDIO_PLAYBACK_DVC"), HasSubstr("last unknown")));
  EXPECT_THAT(audit("channel_opened"), HasSubstr("FreeRDP::Advanced::Input"));
  EXPECT_THAT(audit("channel_refused"), HasSubstr("AUDIO_PLAYBACK_DVC"));
}

TEST_F(RdpDynamicChannels, AreRefusedWhereItDoesNot) {
  const auto done = serve("drives", "channel FreeRDP::Advanced::Input\nread \\a.txt\n");
  EXPECT_THAT(done, AllOf(HasSubstr("channel c0000001 FreeRDP::Advanced::Input"),
                          HasSubstr("read 00000000 content of a file")));
  EXPECT_THAT(audit("channel_refused"), HasSubstr("FreeRDP::Advanced::Input"));
}

}  // namespace
}  // namespace gatehouse::test
