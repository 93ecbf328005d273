// The API's routes on any method, target and body, separated by line ends: an answer comes, a fault says what it is,
// and nobody without the role gets to an operation.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "admin/routes.h"

namespace admin = gatehouse::admin;

namespace {

// Counts what reaches it, and answers nothing.
class Nothing final : public admin::Operations {
 public:
  bool changed = false;

  admin::Outcome status() override { return read(); }
  admin::Outcome plan(const std::vector<gatehouse::policy::SourceText>&) override { return read(); }
  admin::Outcome apply(const std::vector<gatehouse::policy::SourceText>&, std::optional<std::uint64_t>,
                       const admin::Peer&) override {
    return change();
  }
  admin::Outcome policy_text(std::optional<std::uint64_t>) override { return read(); }
  admin::Outcome policy_versions(const admin::VersionsRequest&) override { return read(); }
  admin::Outcome check(const admin::CheckRequest&) override { return read(); }
  admin::Outcome sessions(const admin::SessionsRequest&) override { return read(); }
  admin::Outcome visits(const admin::VisitsRequest&) override { return read(); }
  admin::Outcome kill(const std::vector<std::uint64_t>& ids, const std::optional<std::string>& user,
                      const admin::Peer&) override {
    if (ids.empty() == !user.has_value()) std::abort();
    return change();
  }
  admin::Outcome bans(const admin::BansRequest&) override { return read(); }
  admin::Outcome ban_history(const admin::BansRequest&) override { return read(); }
  admin::Outcome add_bans(const std::vector<admin::BanRequest>& requests, const admin::Peer&) override {
    if (requests.empty()) std::abort();
    return change();
  }
  admin::Outcome remove_bans(const admin::RemoveBansRequest&, const admin::Peer&) override { return change(); }
  admin::Outcome devices(const admin::DevicesRequest& request) override {
    if (request.id && request.id->empty()) std::abort();
    return read();
  }
  admin::Outcome approve_devices(const admin::ApproveRequest& request, const admin::Peer&) override {
    if (request.ids.empty()) std::abort();
    return change();
  }
  admin::Outcome import_device_bans(const admin::DeviceBanImport& request, const admin::Peer&) override {
    if (!request.path.starts_with('/')) std::abort();
    return change();
  }
  admin::Outcome audit(const admin::AuditRequest&) override { return read(); }
  admin::Outcome verify_audit(const admin::VerifyRequest&) override { return read(); }
  admin::Outcome authority() override { return read(); }
  admin::Outcome trust_backend(const std::string&, const admin::Peer&) override { return change(); }
  admin::Outcome rotate_authority(const admin::Peer&) override { return change(); }
  admin::Outcome accounts() override { return change(); }
  admin::Outcome set_account(const admin::AccountRequest&, const admin::Peer&) override { return change(); }
  admin::Outcome remove_account(const std::string&, const admin::Peer&) override { return change(); }
  admin::Outcome credentials() override { return change(); }
  admin::Outcome set_credential(const admin::CredentialRequest&, const admin::Peer&) override { return change(); }
  admin::Outcome remove_credential(const admin::CredentialName&, const admin::Peer&) override { return change(); }
  admin::Outcome recordings(const admin::RecordingsRequest&) override { return read(); }
  admin::Outcome search_recordings(const admin::RecordingsRequest&, const std::string&) override { return change(); }
  admin::Outcome recording_key() override { return read(); }
  admin::Outcome prune_recordings(const admin::PruneRequest&, const admin::Peer&) override { return change(); }
  admin::Outcome prune_outcome(std::uint64_t) override { return change(); }
  admin::Outcome recording(std::uint64_t, const admin::Peer&) override { return change(); }
  std::expected<admin::OpenFile, admin::Fault> recording_file(std::uint64_t, const std::string&,
                                                              const admin::Peer&) override {
    changed = true;
    return admin::OpenFile{gatehouse::Fd(), 10};
  }
  admin::Outcome tokens() override { return change(); }
  admin::Outcome add_token(const admin::TokenRequest& request, const admin::Peer&) override {
    if (!admin::parse_token_name(request.name)) std::abort();
    return change();
  }
  admin::Outcome remove_tokens(const std::vector<std::string>&, const admin::Peer&) override { return change(); }
  admin::Outcome reload(const admin::Peer&) override { return change(); }
  admin::Outcome restart(const admin::Peer&) override { return change(); }

 private:
  static admin::Outcome read() { return nlohmann::json::object(); }
  admin::Outcome change() {
    changed = true;
    return read();
  }
};

std::string_view line_of(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto method = line_of(rest);
  const auto target = line_of(rest);
  for (const auto role : admin::all_roles) {
    admin::Peer peer;
    peer.role = role;
    peer.token = "fuzz";
    Nothing operations;
    const auto answer = admin::answer({method, target, rest, peer, rest}, operations);
    if (answer.status != 200 && answer.status != 206 && answer.status != 503 &&
        answer.body.at("error").at("what").empty())
      std::abort();
    if (answer.status == 500 || (role == admin::Role::viewer && operations.changed)) std::abort();
  }
  return 0;
}
