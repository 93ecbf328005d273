// The requests about tokens, and about the certificates of backends.
#include "admin/request_parts.h"

namespace gatehouse::admin {
namespace {

constexpr std::size_t most_tokens_removed = 1000;

}  // namespace

Result<TokenRequest> read_add_token(std::string_view bytes, WallTime now) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"name", "role", "expires", "duration"}, fault);
  TokenRequest request;
  if (auto token_name = body.parsed("name", parse_token_name, true)) request.name = std::move(*token_name);
  if (const auto role = body.parsed("role", parse_role, true)) request.role = *role;
  request.expires = read_expiry(body, now);
  return finished(std::move(request), fault);
}

Result<std::string> read_trust(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"server"}, fault);
  auto server = body.line("server", longest_name, true);
  return finished(server.value_or(std::string()), fault);
}

Result<std::vector<std::string>> read_remove_tokens(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"names"}, fault);
  std::vector<std::string> names;
  const auto* list = body.list("names", most_tokens_removed, true);
  if (list == nullptr) return finished(std::move(names), fault);
  if (list->empty()) body.complain("names", {"is empty", "send at least one"});
  for (std::size_t i = 0; i < list->size() && !fault; ++i) {
    const auto& entry = list->at(i);
    auto token_name = entry.is_string() ? parse_token_name(entry.get_ref<const std::string&>())
                                        : failure("is not text", "send the names of tokens");
    if (token_name) {
      names.push_back(std::move(*token_name));
    } else {
      body.complain(indexed("names", i), token_name.error());
    }
  }
  return finished(std::move(names), fault);
}

}  // namespace gatehouse::admin
