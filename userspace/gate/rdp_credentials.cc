#include "gate/rdp_credentials.h"

#include "rdp/backend_chain.h"
#include "rdp/channel_policy.h"

namespace gatehouse::gate {

RdpAccountAnswer answer_account(const RdpServices& services, const RdpTerms& terms, const rdp::AccountQuery& query) {
  RdpAccountAnswer answer;
  answer.reply.number = query.number;
  if (terms.front != policy::Front::nla) {
    answer.fault = "the service has no accounts";  // and no worker in its right mind asks
    return answer;
  }
  const auto hash = services.vault->hash_of(query.user, terms.user);
  if (!hash) {
    answer.fault = hash.error().what;
    return answer;
  }
  answer.reply.accepted = true;
  answer.reply.nt_hash = hash->text();
  return answer;
}

RdpLogonJudgement judge_logon(const RdpServices& services, const RdpTerms& terms, const rdp::LogonQuery& query) {
  RdpLogonJudgement judgement;
  auto login = query.user;
  auto domain = query.domain;
  if (terms.target.credentials == policy::CredentialSource::inject) {
    auto credentials = services.vault->credentials_for(terms.server, terms.user);
    if (!credentials) {
      judgement.fault = credentials.error().text();
      return judgement;
    }
    login = credentials->user;
    domain = credentials->domain;
    judgement.credentials = std::move(*credentials);
  }
  const auto decision = terms.judge_login(login, domain);
  if (!decision.allowed) {
    judgement.reason = policy::end_reason_for(decision.reason);
    judgement.fault = policy::name(decision.reason);
    return judgement;
  }
  const auto is_off = [&](policy::Recording of) {
    return (of == policy::Recording::as_configured ? services.recording : of) == policy::Recording::off;
  };
  if (!is_off(decision.recording) && is_off(terms.recording) && !services.recordings.empty()) {
    judgement.fault = "the grant for this login wants a recording, and the one at the door did not";
    return judgement;
  }
  const std::vector<std::string> named{decision.dynamic_channels.begin(), decision.dynamic_channels.end()};
  if (decision.channels != terms.channels || named != terms.dynamic_channels) {
    auto rules = rdp::channel_rules(decision.channels, named);
    judgement.terms = rdp::ChannelTerms{.channels = policy::whole_channels(decision.channels),
                                        .denied_channels = std::move(rules.denied_channels),
                                        .dynamic_channels = std::move(rules.dynamic_channels)};
  }
  judgement.allowed = true;
  return judgement;
}

std::string fault_of_certificate(RdpServices& services, const RdpTerms& terms, const rdp::CertificateQuery& query) {
  const auto& target = terms.target;
  std::optional<std::string> fault;
  switch (target.backend_certificate) {
    case policy::CertificateCheck::trust_on_first_use:
      return services.backends->judge(terms.server, query.fingerprint) ? std::string()
                                                                       : "another certificate: " + query.fingerprint;
    case policy::CertificateCheck::pinned:
      if (query.fingerprint != target.fingerprint) fault = "not the pinned certificate: " + query.fingerprint;
      break;
    case policy::CertificateCheck::ca:
      if (auto verified = rdp::verify_backend(query.pem, target.ca, terms.server, target.address); !verified) {
        fault = "a certificate that does not verify (" + verified.error().what + "): " + query.fingerprint;
      }
      break;
  }
  services.backend_judged(terms.server, fault);
  return fault.value_or(std::string());
}

}  // namespace gatehouse::gate
