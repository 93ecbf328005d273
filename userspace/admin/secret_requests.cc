// The requests about accounts and credentials of RDP sessions. No error of these has a password in it.
#include "admin/request_parts.h"
#include "policy/loader_values.h"

namespace gatehouse::admin {
namespace {

constexpr std::size_t longest_password = 1024;  // bytes; what counts is judged by who hashes or sends it

Result<std::string> parse_name(std::string_view text) {
  if (policy::is_name(text)) return std::string(text);
  return failure("'" + std::string(text) + "' is not a usable name",
                 "use at most 63 letters, digits, '.', '_', '@' and '-', and begin with a letter or digit");
}

std::string read_password(ObjectReader& body, const std::optional<Error>& fault) {
  auto password = body.text("password", true);
  if (!password || fault) return {};
  if (password->empty()) body.complain("password", {"is empty", "send one"});
  if (password->size() > longest_password) body.complain("password", {"is too long", "send a shorter one"});
  return std::move(*password);
}

}  // namespace

Result<AccountRequest> read_set_account(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"name", "user", "password"}, fault);
  AccountRequest request;
  request.name = body.parsed("name", parse_name, true).value_or(std::string());
  request.user = body.parsed("user", parse_name).value_or(request.name);
  request.password = read_password(body, fault);
  return finished(std::move(request), fault);
}

Result<std::string> read_remove_account(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"name"}, fault);
  auto name = body.parsed("name", parse_name, true);
  return finished(name.value_or(std::string()), fault);
}

Result<CredentialRequest> read_set_credential(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"server", "user", "login", "domain", "password"}, fault);
  CredentialRequest request;
  request.server = body.parsed("server", parse_name, true).value_or(std::string());
  request.user = body.parsed("user", parse_name).value_or(std::string());
  request.login = body.line("login", longest_name, true).value_or(std::string());
  request.domain = body.line("domain", longest_name).value_or(std::string());
  request.password = read_password(body, fault);
  return finished(std::move(request), fault);
}

Result<CredentialName> read_remove_credential(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"server", "user"}, fault);
  CredentialName request;
  request.server = body.parsed("server", parse_name, true).value_or(std::string());
  request.user = body.parsed("user", parse_name).value_or(std::string());
  return finished(std::move(request), fault);
}

}  // namespace gatehouse::admin
