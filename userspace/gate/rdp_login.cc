#include "gate/rdp_login.h"

#include <algorithm>

#include "gate/loop.h"

namespace gatehouse::gate {

std::vector<std::string> forms_of_login(const std::string& login, const std::string& domain) {
  std::vector<std::string> forms{login};
  const auto add = [&](std::string form) {
    if (std::ranges::find(forms, form) == forms.end()) forms.push_back(std::move(form));
  };
  auto name = login;
  auto of = domain;
  if (const auto slash = login.find('\\'); slash != std::string::npos) {
    of = login.substr(0, slash);
    name = login.substr(slash + 1);
  } else if (const auto at = login.rfind('@'); at != std::string::npos) {
    name = login.substr(0, at);
    of = login.substr(at + 1);
  }
  add(name);
  if (!of.empty() && !name.empty()) {
    add(of + "\\" + name);
    add(name + "@" + of);
  }
  return forms;
}

policy::Decision decide_for_login(const policy::Snapshot& snapshot, policy::Question question,
                                  std::span<const std::string> forms) {
  std::optional<policy::Decision> allowed;
  policy::Decision refused;
  for (const auto& form : forms) {
    question.login = form;
    const auto decision = policy::decide(snapshot, question);
    if (decision.allowed) {
      if (!allowed) allowed = decision;
    } else if (decision.reason == policy::Reason::login_not_allowed) {
      refused = decision;
    } else {
      return decision;  // whatever the other forms say
    }
  }
  return allowed.value_or(refused);
}

policy::Decision Loop::judge_login(Session& session, const std::string& login, const std::string& domain) {
  const auto time = now();
  auto forms = forms_of_login(login, domain);
  const auto decision = decide_for_login(snapshot_, session.question(time), forms);
  if (decision.allowed) {
    session.logins = std::move(forms);
    take_terms(session, decision);
    return decision;
  }
  auto row = audit_row("login_refused", session.client, session.proxy, decision, time);
  row.user = session.user;
  row.session_id = session.id;
  row.detail = "as " + forms.back();
  audit(std::move(row));
  return decision;
}

}  // namespace gatehouse::gate
