#include "cli/context.h"

#include "admin/http_client.h"
#include "admin/routes.h"
#include "cli/text.h"

namespace gatehouse::cli {

std::expected<nlohmann::json, int> Context::ask(const std::string& method, const std::string& target,
                                                const nlohmann::json& body, std::chrono::seconds timeout) const {
  return *asked(method, target, body, timeout, false);
}

std::optional<std::expected<nlohmann::json, int>> Context::ask_unless_conflict(const std::string& method,
                                                                               const std::string& target,
                                                                               const nlohmann::json& body,
                                                                               std::chrono::seconds timeout) const {
  return asked(method, target, body, timeout, true);
}

std::optional<std::expected<nlohmann::json, int>> Context::asked(const std::string& method, const std::string& target,
                                                                 const nlohmann::json& body,
                                                                 std::chrono::seconds timeout,
                                                                 bool conflict_is_expected) const {
  auto answer = admin::ask(socket, method, target, body, timeout);
  if (!answer)
    return std::unexpected(fail(answer.error().error, answer.error().reached ? exit_failed : exit_unreachable));
  if (answer->status == 200 && answer->body.is_object()) return std::move(answer->body);
  if (conflict_is_expected && answer->status == 409) return std::nullopt;
  if (!member(answer->body, "error").is_object()) {
    return std::unexpected(fail({"the daemon's answer (" + std::to_string(answer->status) + ") is not understood",
                                 "use the command and the daemon of one version"}));
  }
  return std::unexpected(report(answer->body, exit_failed));
}

int Context::fail(const Error& error, int code) const {
  return report(admin::error_body(error), code);
}

int Context::fail(const Error& error, const Issues& issues, int code) const {
  return report(admin::error_body(error, issues.list()), code);
}

int Context::report(const nlohmann::json& body, int code) const {
  if (json) {
    print_json(body);
    return code;
  }
  const auto line_of = [](const nlohmann::json& fault) {
    const auto mend = show(fault, "mend");
    return show(fault, "what") + (mend == "-" ? "" : ": " + mend);
  };
  for (const auto& issue : member(body, "issues")) {
    const auto line = number(issue, "line") > 0 ? ":" + show(issue, "line") : "";
    console_.err << show(issue, "file") << line << ": " << line_of(issue) << '\n';
  }
  console_.err << "gatehouse: " << line_of(member(body, "error")) << '\n';
  return code;
}

void Context::print_json(const nlohmann::json& body) const {
  console_.out << body.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) << '\n';
}

void Context::print_json_line(const nlohmann::json& body) const {
  console_.out << body.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << std::endl;
}

}  // namespace gatehouse::cli
