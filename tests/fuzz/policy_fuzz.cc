// Whatever the bytes are: load() gives a document or a list of faults that each name a place. A document compiles,
// answers questions the same way with and without a trace, and its YAML loads back to an equal document.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "policy/engine.h"
#include "policy/loader.h"

namespace {

using namespace gatehouse::policy;  // NOLINT(google-build-using-namespace): the one namespace under test
using gatehouse::Address;
using gatehouse::WallTime;

[[noreturn]] void fail(const char* what, const std::string& detail) {
  std::fprintf(stderr, "%s\n%s\n", what, detail.c_str());
  std::abort();
}

void require(bool condition, const char* what, const std::string& detail) {
  if (!condition) fail(what, detail);
}

void ask(const Snapshot& snapshot, const Question& question) {
  Trace trace;
  const auto decision = decide(snapshot, question, &trace);
  const auto plain = decide(snapshot, question);
  require(decision.allowed == plain.allowed && decision.reason == plain.reason &&
              decision.holds_until == plain.holds_until && decision.grant == plain.grant,
          "a trace changed the decision", trace.empty() ? "" : trace.back().finding);
  require(decision.allowed == (decision.reason == Reason::allowed), "allowed for another reason",
          std::string(name(decision.reason)));
  require(!decision.allowed || decision.grant != nullptr, "allowed without a grant", "");
  require(!trace.empty() && trace.back().passed == decision.allowed, "the trace ends otherwise than the decision", "");
  require(!decision.holds_until || *decision.holds_until > question.time, "held no longer than now", "");
  if (decision.allowed && decision.holds_until) {
    auto later = question;
    later.live = true;  // the decision is about the session that it opens
    later.time = *decision.holds_until - std::chrono::milliseconds(1);
    require(decide(snapshot, later).allowed, "denied before the decision's end", "");
    later.time = *decision.holds_until;
    require(*decision.holds_until - question.time >= schedule_sight || !decide(snapshot, later).allowed,
            "allowed after the decision's end", "");
  }
}

void ask_about(const Document& document) {
  const auto policy = Policy::compile(document, 1);
  std::vector<Ban> bans;
  for (const auto& [name, user] : document.users) {
    if (bans.size() < 4 && !user.sources.empty()) bans.push_back({bans.size() + 1, user.sources.back(), std::nullopt});
  }
  const Snapshot free{policy, std::make_shared<const BanTable>()};
  const Snapshot banned{policy, std::make_shared<const BanTable>(bans)};
  std::vector<WallTime> times{WallTime(gatehouse::Duration(0)), WallTime(std::chrono::days(20000))};
  for (const auto& [name, grant] : document.grants) {
    if (grant.start && times.size() < 6) times.push_back(*grant.start);
    if (grant.end && times.size() < 6) times.push_back(*grant.end);
  }
  std::vector<Address> sources{Address{}, Address::from_v4(0x0a000001)};
  for (const auto& [name, user] : document.users) {
    for (const auto& source : user.sources) {
      if (sources.size() < 8) sources.push_back(source.address);
    }
  }
  std::size_t asked = 0;
  for (const auto& service : policy->services()) {
    if (++asked > 4) break;
    require(policy->service_at(service.spec.proxy_ip, service.spec.port, service.spec.transport) == &service,
            "a service is not found where it stands", service.name);
    for (const auto& source : sources) {
      for (const auto time : times) {
        const Question question{source, service.spec.proxy_ip, service.spec.port, service.spec.transport, time, {}};
        ask(free, question);
        ask(banned, question);
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 65536) return 0;
  const std::string text(data, data + size);
  const auto document = load({{"fuzz.yaml", text}});
  if (!document) {
    require(!document.error().empty(), "refused without a fault", "");
    for (const auto& issue : document.error().list()) {
      require(!issue.what.empty() && !issue.mend.empty() && issue.file == "fuzz.yaml", "a fault without its mend",
              issue.text());
    }
    return 0;
  }
  ask_about(*document);
  const auto yaml = to_yaml(*document);
  const auto again = load({{"again.yaml", yaml}});
  if (!again) fail("its own YAML does not load", again.error().text() + yaml);
  require(*again == *document, "its own YAML loads to another document", yaml + text_of(difference(*document, *again)));
  require(difference(*document, *again).empty(), "equal documents differ", yaml);
  return 0;
}
