// Certificates on both legs: the operator's own at the front, and a server's that an authority has issued.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "rdp/backend_chain.h"
#include "rdp/front_certificates.h"
#include "support/directories.h"
#include "support/process.h"

namespace gatehouse::rdp {
namespace {

using testing::HasSubstr;

class Certificates : public testing::Test {
 protected:
  // A root, an issuer below it and a server below that: root.crt, issuer.crt, server.crt, server.key.
  Certificates() {
    sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.crt -days 30 -subj /CN=Root "
       "-addext basicConstraints=critical,CA:TRUE");
    issue("issuer", "root", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign");
    issue("server", "issuer", "subjectAltName=DNS:win1,IP:203.0.113.10\nextendedKeyUsage=serverAuth");
    issue("other", "issuer", "subjectAltName=DNS:win9\nextendedKeyUsage=serverAuth");
    issue("person", "issuer", "subjectAltName=DNS:win1\nextendedKeyUsage=clientAuth");
  }
  void sh(const std::string& command) {
    const auto done = test::run_command({"sh", "-ec", command}, {.directory = directory_.path().string()});
    if (done.exit_code != 0) throw std::runtime_error(done.errors);
  }
  void issue(const std::string& name, const std::string& issuer, const std::string& extensions) {
    static_cast<void>(directory_.write(name + ".ext", extensions + "\n"));
    sh("openssl req -newkey rsa:2048 -nodes -keyout " + name + ".key -out " + name + ".csr -subj /CN=" + name +
       " && openssl x509 -req -in " + name + ".csr -CA " + issuer + ".crt -CAkey " + issuer +
       ".key -CAcreateserial -days 30 -extfile " + name + ".ext -out " + name + ".crt");
  }
  [[nodiscard]] std::filesystem::path file(const std::string& name) const { return directory_.path() / name; }
  [[nodiscard]] std::string text(const std::string& name) const {
    std::ifstream stream(file(name));
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }
  std::string fault(const std::string& shown, const std::string& authorities, const std::string& name = "win1",
                    const std::string& address = "203.0.113.10") {
    const auto verified = verify_backend(shown, file(authorities), name, Address::parse(address).value());
    return verified ? "" : verified.error().text();
  }

  test::TemporaryDirectory directory_;
};

TEST_F(Certificates, ABackendsIsVerifiedUpToTheAuthorityAndByNameOrAddress) {
  const auto chain = text("server.crt") + text("issuer.crt");
  EXPECT_EQ(fault(chain, "root.crt"), "");
  EXPECT_EQ(fault(chain, "root.crt", "win1", "203.0.113.99"), "") << "the name is enough";
  EXPECT_EQ(fault(chain, "root.crt", "win5"), "") << "the address is enough";
  EXPECT_EQ(fault(text("server.crt"), "issuer.crt"), "") << "an authority that is none of the roots";
  EXPECT_THAT(fault(chain, "root.crt", "win5", "203.0.113.99"), HasSubstr("neither win5 nor 203.0.113.99"));
  EXPECT_THAT(fault(text("other.crt") + text("issuer.crt"), "root.crt"), HasSubstr("neither win1"));
}

TEST_F(Certificates, ABackendsThatNobodyVouchesForIsRefused) {
  EXPECT_THAT(fault(text("server.crt"), "root.crt"), HasSubstr("unable to get local issuer"));
  EXPECT_THAT(fault(text("person.crt") + text("issuer.crt"), "root.crt"), HasSubstr("purpose"));
  sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt -days 30 -subj /CN=win1 "
     "-addext subjectAltName=DNS:win1");
  EXPECT_THAT(fault(text("own.crt"), "root.crt"), HasSubstr("self"));
  EXPECT_THAT(fault(text("server.crt"), "absent.crt"), HasSubstr("absent.crt has no certificate"));
  EXPECT_THAT(fault("no PEM", "root.crt"), HasSubstr("no certificate"));
  EXPECT_THAT(fault("", "root.crt"), HasSubstr("no certificate"));
}

TEST_F(Certificates, TheOperatorsIsTakenForItsServiceAndFollowsItsFiles) {
  const auto authority = Authority::open(file("ca")).value();
  sh("cat server.crt issuer.crt > front.crt && cp server.key front.key");
  FrontCertificates certificates(*authority, {{"win1-rdp", {file("front.crt"), file("front.key")}}});
  ASSERT_TRUE(certificates.load());
  const auto proxy = Address::parse("198.51.100.10").value();
  EXPECT_EQ(certificates.certificate_for("win1-rdp", proxy)->certificate, text("front.crt")) << "with its chain";
  EXPECT_EQ(certificates.certificate_for("win2-rdp", proxy)->certificate,
            authority->certificate_for("win2-rdp", proxy)->certificate);
  const auto before = text("front.crt");
  sh("cat other.crt issuer.crt > front.crt && touch -d '+1 minute' front.crt");
  EXPECT_EQ(certificates.certificate_for("win1-rdp", proxy)->certificate, before) << "its key is not there yet";
  sh("cp other.key front.key && touch -d '+1 minute' front.key");
  EXPECT_EQ(certificates.certificate_for("win1-rdp", proxy)->certificate, text("front.crt"));
}

TEST_F(Certificates, TheOperatorsThatCannotBeUsedIsSaid) {
  const auto authority = Authority::open(file("ca")).value();
  const auto load = [&](const std::string& certificate, const std::string& key) {
    FrontCertificates certificates(*authority, {{"win1-rdp", {file(certificate), file(key)}}});
    const auto loaded = certificates.load();
    return loaded ? "" : loaded.error().text();
  };
  EXPECT_EQ(load("server.crt", "server.key"), "");
  EXPECT_THAT(load("server.crt", "other.key"), testing::AllOf(HasSubstr("win1-rdp"), HasSubstr("is not the key of")));
  EXPECT_THAT(load("absent.crt", "server.key"), HasSubstr("absent.crt cannot be read"));
  EXPECT_THAT(load("server.key", "server.key"), HasSubstr("has no certificate"));
  sh("openssl rsa -aes128 -passout pass:x1x2 -in server.key -out locked.key");
  EXPECT_THAT(load("server.crt", "locked.key"), HasSubstr("without a passphrase"));
}

TEST_F(Certificates, ARotatedAuthorityIssuesAnewAndKeepsItsFormerCertificate) {
  auto authority = Authority::open(file("ca")).value();
  const auto proxy = Address::parse("198.51.100.10").value();
  const auto before = authority->certificate();
  const auto issued = authority->certificate_for("win1-rdp", proxy)->certificate;
  EXPECT_EQ(authority->former(), std::nullopt);
  ASSERT_TRUE(authority->rotate());
  EXPECT_NE(authority->certificate(), before);
  EXPECT_EQ(authority->former(), before);
  const auto reissued = authority->certificate_for("win1-rdp", proxy)->certificate;
  EXPECT_NE(reissued, issued);
  const auto now = authority->certificate();
  authority = Authority::open(file("ca")).value();
  EXPECT_EQ(authority->certificate(), now);
  EXPECT_EQ(authority->former(), before);
  EXPECT_EQ(authority->certificate_for("win1-rdp", proxy)->certificate, reissued);
  static_cast<void>(directory_.write("now.pem", now));
  static_cast<void>(directory_.write("reissued.pem", reissued));
  sh("openssl verify -CAfile now.pem reissued.pem");
}

TEST_F(Certificates, ARotationThatBrokeOffIsFinishedOrLeftAndNeverHalf) {
  auto authority = Authority::open(file("ca")).value();
  const auto old = authority->certificate();
  auto other = Authority::open(file("other-ca")).value();
  const auto fresh = other->certificate();
  // Before the new key was there: nothing has happened.
  sh("cp other-ca/ca.crt ca/ca-next.crt");
  EXPECT_EQ(Authority::open(file("ca")).value()->certificate(), old);
  // With both beside, with one of the two in its place: the new one.
  sh("cp -r ca half && cp other-ca/ca.key ca/ca-next.key && mv half/ca-next.crt half/ca.crt && "
     "cp other-ca/ca.key half/ca-next.key");
  EXPECT_EQ(Authority::open(file("ca")).value()->certificate(), fresh);
  EXPECT_EQ(Authority::open(file("half")).value()->certificate(), fresh);
  EXPECT_FALSE(std::filesystem::exists(file("half") / "ca-next.key"));
}

}  // namespace
}  // namespace gatehouse::rdp
