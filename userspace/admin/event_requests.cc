// The request for the stream of events.
#include <algorithm>

#include "admin/request_parts.h"

namespace gatehouse::admin {
namespace {

Result<EventFilter> parse_kinds(std::string_view text) {
  EventFilter filter{.kinds = 0};
  while (true) {
    const auto comma = text.find(',');
    const auto word = text.substr(0, comma);
    const auto* found = std::ranges::find(event_names, word);
    if (found == event_names.end()) {
      return failure("'" + std::string(word) + "' is no kind of event",
                     "docs/api.md lists them; write several with commas between");
    }
    filter.kinds |= 1U << static_cast<unsigned>(found - event_names.begin());
    if (comma == std::string_view::npos) return filter;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<EventFilter> read_events(const Query& query) {
  if (auto known = query.only({"kinds"}); !known) return std::unexpected(known.error());
  std::optional<Error> fault;
  const auto filter = parameter(query, "kinds", fault, parse_kinds);
  return finished(filter.value_or(EventFilter{}), fault);
}

}  // namespace gatehouse::admin
