// Daemon: the policy in force and those before it, as texts.
#include "daemon/daemon.h"
#include "daemon/json.h"
#include "policy/document.h"

namespace gatehouse::daemon {

admin::Outcome Daemon::policy_text(std::optional<std::uint64_t> version) {
  const auto current = snapshot_.policy->version();
  const auto wanted = version.value_or(current);
  nlohmann::json answer{{"version", wanted}, {"policy_version", current}, {"author", ""}, {"applied_at", nullptr}};
  if (wanted == 0) {  // what is in force before anything is applied
    answer["text"] = policy::to_yaml(policy::Document{});
    return answer;
  }
  auto found = store_->policy_version(wanted);
  if (!found) return unavailable(found.error());
  if (!*found) {
    return fault(404, {"there is no policy version " + std::to_string(wanted),
                       "the newest is " + std::to_string(current) + "; `gatehouse policy history` lists them"});
  }
  answer["author"] = (*found)->author;
  answer["applied_at"] = format_time((*found)->applied_at);
  answer["text"] = wanted == current ? policy::to_yaml(snapshot_.policy->document()) : std::move((*found)->text);
  return answer;
}

admin::Outcome Daemon::policy_versions(const admin::VersionsRequest& request) {
  const auto found = store_->policy_versions(request.before, request.limit);
  if (!found) return unavailable(found.error());
  auto list = nlohmann::json::array();
  for (const auto& one : *found) {
    list.push_back({{"version", one.version}, {"author", one.author}, {"applied_at", format_time(one.applied_at)}});
  }
  return nlohmann::json{{"policy_version", snapshot_.policy->version()}, {"versions", std::move(list)}};
}

}  // namespace gatehouse::daemon
