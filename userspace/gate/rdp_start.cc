#include "gate/rdp_start.h"

#include <utility>

#include "rdp/channel_policy.h"

namespace gatehouse::gate {

Result<rdp::Start> rdp_start(const RdpServices& services, const RdpTerms& terms, const Address& proxy) {
  auto certificate = services.certificates->certificate_for(terms.service, proxy);
  if (!certificate) return std::unexpected(certificate.error());
  auto rules = rdp::channel_rules(terms.channels, terms.dynamic_channels);
  rdp::Start start;
  start.session = terms.session;
  start.certificate = std::move(certificate->certificate);
  start.key = std::move(certificate->key);
  start.front = terms.front == policy::Front::nla ? rdp::Security::nla : rdp::Security::tls;
  start.backend = terms.server;
  start.back = services.backend_security;
  start.back_may_fall_back = start.back == rdp::Security::nla && terms.target.allow_tls_backend;
  start.channels = policy::whole_channels(terms.channels);
  start.clipboard_text = services.clipboard_text;
  start.keep_files = services.keep_files;
  start.keys = services.keys;
  start.denied_channels = std::move(rules.denied_channels);
  start.dynamic_channels = std::move(rules.dynamic_channels);
  start.refusal = terms.refusal;
  return start;
}

}  // namespace gatehouse::gate
