// The gateway's own authority: openssl(1) agrees with its certificates, and they outlive the daemon.
#include "rdp/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "rdp/trusted_backends.h"
#include "support/directories.h"
#include "support/process.h"

namespace gatehouse::rdp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class OwnAuthority : public testing::Test {
 protected:
  void open() {
    authority_.reset();
    auto opened = Authority::open(place());
    ASSERT_TRUE(opened) << opened.error().text();
    authority_ = std::move(*opened);
  }
  [[nodiscard]] std::filesystem::path place() const { return directory_.path() / "ca"; }
  IssuedCertificate issued(const std::string& service, const std::string& proxy) {
    auto certificate = authority_->certificate_for(service, Address::parse(proxy).value());
    if (!certificate) throw std::runtime_error(certificate.error().text());
    return *certificate;
  }
  std::string openssl(const std::vector<std::string>& arguments) {
    auto words = arguments;
    words.insert(words.begin(), "openssl");
    const auto result = test::run_command(words);
    return result.output + result.errors;
  }

  test::TemporaryDirectory directory_;
  std::unique_ptr<Authority> authority_;
};

TEST_F(OwnAuthority, IssuesWhatOpensslVerifies) {
  open();
  const auto authority = directory_.write("ca.pem", authority_->certificate()).string();
  const auto v4 = directory_.write("v4.pem", issued("win1-rdp", "198.51.100.10").certificate).string();
  const auto v6 = directory_.write("v6.pem", issued("win2-rdp", "2001:db8:64::a").certificate).string();
  for (const auto& [file, address] : {std::pair{v4, "198.51.100.10"}, std::pair{v6, "2001:db8:64::a"}}) {
    EXPECT_THAT(
        openssl({"verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", address, "-CAfile", authority, file}),
        HasSubstr(": OK"));
  }
  EXPECT_THAT(openssl({"verify", "-verify_ip", "198.51.100.11", "-CAfile", authority, v4}), HasSubstr("mismatch"));
  EXPECT_THAT(openssl({"verify", "-verify_hostname", "win1-rdp", "-CAfile", authority, v4}), HasSubstr(": OK"));
  EXPECT_THAT(openssl({"x509", "-in", authority, "-noout", "-text"}), HasSubstr("CA:TRUE, pathlen:0"));
  auto fingerprint = openssl({"x509", "-in", authority, "-noout", "-fingerprint", "-sha256"});
  for (auto& each : fingerprint) each = static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
  EXPECT_THAT(fingerprint, HasSubstr(authority_->fingerprint()));
}

TEST_F(OwnAuthority, AndItsCertificatesAreThereAfterARestart) {
  open();
  const auto before = issued("win1-rdp", "198.51.100.10");
  const auto fingerprint = authority_->fingerprint();
  open();
  EXPECT_EQ(authority_->fingerprint(), fingerprint);
  EXPECT_EQ(issued("win1-rdp", "198.51.100.10").certificate, before.certificate);
  EXPECT_EQ(issued("win1-rdp", "198.51.100.10").key, before.key);
}

TEST_F(OwnAuthority, AServiceWithAnotherAddressGetsAnotherCertificate) {
  open();
  const auto before = issued("win1-rdp", "198.51.100.10");
  EXPECT_NE(issued("win1-rdp", "198.51.100.11").certificate, before.certificate);
}

TEST_F(OwnAuthority, KeysAreReadableByTheDaemonAlone) {
  open();
  issued("win1-rdp", "198.51.100.10");
  struct stat found{};
  for (const auto* name : {"ca.key", "win1-rdp.pem"}) {
    ASSERT_EQ(::stat((place() / name).c_str(), &found), 0) << name;
    EXPECT_EQ(found.st_mode & 0777U, 0600U) << name;
  }
  ASSERT_EQ(::stat(place().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0700U);
}

TEST_F(OwnAuthority, DamagedFilesAreSaidAndNotReplaced) {
  open();
  issued("win1-rdp", "198.51.100.10");
  std::ofstream(place() / "win1-rdp.pem") << "no PEM";
  open();
  EXPECT_THAT(issued("win1-rdp", "198.51.100.10").certificate, HasSubstr("BEGIN CERTIFICATE"));
  std::ofstream(place() / "ca.crt") << "no PEM";
  const auto refused = Authority::open(place());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("ca.crt"));
}

TEST(Backends, AreKnownByTheFirstCertificateThatTheyShow) {
  std::vector<std::string> told;
  TrustedBackends backends(
      {{"old", "aa"}},
      [&](const std::string& server, const std::string& shown) { told.push_back("+" + server + shown); },
      [&](const std::string& server, const std::string& shown) { told.push_back("!" + server + shown); });
  EXPECT_TRUE(backends.judge("old", "aa"));
  EXPECT_TRUE(backends.judge("new", "bb"));
  EXPECT_TRUE(backends.judge("new", "bb"));
  EXPECT_FALSE(backends.judge("new", "cc"));
  EXPECT_FALSE(backends.judge("old", "cc"));
  EXPECT_THAT(told, ElementsAre("+newbb", "!newcc", "!oldcc"));
  EXPECT_EQ(backends.trust_refused("new"), "cc");
  EXPECT_EQ(backends.trust_refused("new"), std::nullopt) << "nothing is refused any more";
  EXPECT_TRUE(backends.judge("new", "cc"));
  EXPECT_FALSE(backends.judge("new", "bb"));
  EXPECT_EQ(backends.trust_refused("other"), std::nullopt);
}

}  // namespace
}  // namespace gatehouse::rdp
