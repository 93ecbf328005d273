// The socket's file: who may open it, what it replaces and what it never replaces.
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "admin/http_client.h"
#include "admin/listening_socket.h"
#include "unit/admin_fake_operations.h"

namespace gatehouse::admin {
namespace {

using test::TemporaryDirectory;

struct stat status_of(const std::filesystem::path& path) {
  struct stat found{};
  EXPECT_EQ(::lstat(path.c_str(), &found), 0);
  return found;
}

// Another process, of another user, tries to open the socket: 0 it may, otherwise the errno.
int open_as(uid_t uid, gid_t gid, const std::filesystem::path& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0)
      ::_exit(250);
    const auto answer = ask(path, "GET", "/v1/status", nullptr, std::chrono::seconds(5));
    ::_exit(answer ? 0 : answer.error().error.what.find("no right to open") == 0 ? EACCES : 251);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 252;
}

TEST(ListeningSocket, IsForItsOwnerAndItsGroupWhateverTheUmask) {
  const TemporaryDirectory directory;
  for (const mode_t mask : {0000, 0022, 0077, 0777}) {
    const mode_t before = ::umask(mask);
    const auto socket = ListeningSocket::open(directory.path() / "a.sock", 4242);
    ::umask(before);
    ASSERT_TRUE(socket) << socket.error().text();
    const auto found = status_of(directory.path() / "a.sock");
    EXPECT_TRUE(S_ISSOCK(found.st_mode));
    EXPECT_EQ(found.st_mode & 07777U, 0660U);
    EXPECT_EQ(found.st_gid, 4242U);
    EXPECT_EQ(found.st_uid, ::geteuid());
  }
}

TEST(ListeningSocket, WithoutAGroupItKeepsTheDaemonsOwn) {
  const TemporaryDirectory directory;
  const auto socket = ListeningSocket::open(directory.path() / "a.sock", std::nullopt);
  ASSERT_TRUE(socket);
  EXPECT_EQ(status_of(directory.path() / "a.sock").st_mode & 07777U, 0660U);
}

TEST(ListeningSocket, IsGoneWithItsServer) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "a.sock";
  {
    ASSERT_TRUE(ListeningSocket::open(path, std::nullopt));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ListeningSocket, LeavesAloneWhatTookItsPlace) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "a.sock";
  {
    const auto old_one = ListeningSocket::open(path, std::nullopt);
    ASSERT_TRUE(old_one);
    std::filesystem::rename(path, directory.path() / "moved.sock");  // keeps its inode from being given out again
    std::ofstream(path) << "of another";
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(ListeningSocket, ReplacesADeadOne) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "a.sock";
  const pid_t child = ::fork();  // a daemon that is killed: its file stays
  if (child == 0) {
    const auto socket = ListeningSocket::open(path, std::nullopt);
    ::_exit(socket ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(WEXITSTATUS(status), 0);
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(ListeningSocket::open(path, std::nullopt));
}

TEST(ListeningSocket, NeverReplacesALiveOne) {
  test::RunningServer server;
  const auto second = ListeningSocket::open(server.socket(), std::nullopt);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().what, "another daemon answers at " + server.socket().string());
  const auto answer = request(server.socket(), "GET", "/v1/status");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 200);
}

TEST(ListeningSocket, NeverReplacesWhatIsNoSocket) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "a.sock";
  std::ofstream(path) << "precious";
  EXPECT_FALSE(ListeningSocket::open(path, std::nullopt));
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
  std::filesystem::create_directory(directory.path() / "b.sock");
  EXPECT_FALSE(ListeningSocket::open(directory.path() / "b.sock", std::nullopt));
  std::filesystem::create_symlink("/nowhere", directory.path() / "c.sock");
  EXPECT_FALSE(ListeningSocket::open(directory.path() / "c.sock", std::nullopt));
}

TEST(ListeningSocket, SaysWhatIsWrongWithItsPath) {
  const TemporaryDirectory directory;
  EXPECT_NE(ListeningSocket::open(directory.path() / "missing" / "a.sock", std::nullopt).error().mend.find("directory"),
            std::string::npos);
  EXPECT_NE(ListeningSocket::open(directory.path() / std::string(120, 'x'), std::nullopt).error().mend.find("107"),
            std::string::npos);
  EXPECT_FALSE(ListeningSocket::open("", std::nullopt));
}

TEST(ListeningSocket, TheKernelKeepsStrangersOutAndLetsTheGroupIn) {
  const TemporaryDirectory directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  boost::asio::io_context context{1};
  test::FakeOperations operations;
  auto server = HttpServer::start(context, {directory.path() / "a.sock", 4242, {}}, operations);
  ASSERT_TRUE(server) << server.error().text();
  std::thread thread([&] { context.run_for(std::chrono::seconds(60)); });
  EXPECT_EQ(open_as(4343, 4343, directory.path() / "a.sock"), EACCES);
  EXPECT_EQ(open_as(4343, 4242, directory.path() / "a.sock"), 0);
  EXPECT_EQ(operations.calls().size(), 1U);
  boost::asio::post(context, [&] { server->reset(); });
  context.stop();
  thread.join();
}

}  // namespace
}  // namespace gatehouse::admin
