#include "cli/lists.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <utility>

#include "admin/query.h"
#include "base/address.h"
#include "cli/arguments.h"
#include "cli/text.h"
#include "policy/vocabulary.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t rows_at_a_time = 5'000;  // what the daemon gives at most
constexpr std::string_view formula_starts = "=+-@\t\r'";

std::string csv_cell(std::string text) {
  if (!text.empty() && formula_starts.find(text.front()) != std::string_view::npos) text.insert(0, "'");
  const bool plain = text.find_first_of(",\"\r\n") == std::string::npos &&
                     (text.empty() || (text.front() != ' ' && text.back() != ' '));
  if (plain) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string cell_text(const json& row, const char* column) {
  const auto found = row.is_object() ? row.find(column) : row.end();
  if (!row.is_object() || found == row.end() || found->is_null()) return {};
  if (found->is_string()) return found->get<std::string>();
  return found->dump(-1, ' ', false, json::error_handler_t::replace);
}

bool oldest_first(const List& list, const ListOptions& options) {
  return options.has_after || (options.all && list.oldest_first && options.before == 0);
}

std::string cursor_of(bool ascending, std::uint64_t at) {
  if (ascending) return "&after=" + std::to_string(at);
  return at == 0 ? "" : "&before=" + std::to_string(at);
}

}  // namespace

void add_list_options(CLI::App& verb, ListOptions& options) {
  verb.add_option("--user", options.user, "Only of this user");
  verb.add_option("--source", options.source, "Only from this client address, or network");
  verb.add_option("--server", options.server, "Only to this server");
  verb.add_option("--service", options.service, "Only to this service");
  verb.add_option("--since", options.since, "Only from then on: a time, or how long ago: 2026-11-23T18:00:00Z, 2h");
  verb.add_option("--until", options.until, "Only before then, written alike");
  auto* before = verb.add_option("--before", options.before, "Only with smaller ids, to go on where a list ended")
                     ->check(CLI::PositiveNumber);
  verb.add_option_function<std::uint64_t>(
          "--after",
          [&options](const std::uint64_t& id) {
            options.after = id;
            options.has_after = true;
          },
          "Only with larger ids, the oldest first")
      ->check(CLI::NonNegativeNumber)
      ->excludes(before);
  auto* limit = verb.add_option("--limit", options.limit, "At most this many")
                    ->capture_default_str()
                    ->check(CLI::Range(1, 100'000));
  verb.add_flag("--all", options.all, "All of them (with --json: one object a line, as they come)")->excludes(limit);
  verb.add_flag("--csv", options.csv, "Print CSV");
}

std::string filter(const char* name, const std::string& value) {
  return value.empty() ? "" : "&" + std::string(name) + "=" + admin::percent_encode(value);
}

Result<std::string> network_filter(const char* name, const std::string& value) {
  if (value.empty()) return std::string();
  const auto network = parse_network(value);
  if (!network) return std::unexpected(network.error());
  return filter(name, network->text());
}

Result<std::string> end_reason_filter(const std::string& value) {
  if (value.empty() || policy::end_reason_of(value)) return filter("reason", value);
  return failure("'" + value + "' is no reason for an end", "docs/policy.md lists them");
}

Result<std::string> filters_of(const ListOptions& options, WallTime now) {
  auto query = filter("user", options.user);
  const auto source = network_filter("source", options.source);
  if (!source) return std::unexpected(source.error());
  query += *source + filter("server", options.server) + filter("service", options.service);
  for (const auto& [name, text] : {std::pair{"since", options.since}, std::pair{"until", options.until}}) {
    if (text.empty()) continue;
    const auto time = parse_since(text, now);
    if (!time) return std::unexpected(time.error());
    query += filter(name, format_time(*time));
  }
  return query;
}

int each_page(const Context& context, const List& list, const ListOptions& options, const std::string& filters,
              const std::function<void(json&)>& take) {
  const bool ascending = oldest_first(list, options);
  auto at = ascending ? options.after : options.before;
  auto remaining = options.all ? std::numeric_limits<std::uint64_t>::max() : options.limit;
  while (true) {
    auto answer =
        context.ask("GET", std::string(list.path) + "?limit=" + std::to_string(std::min(remaining, rows_at_a_time)) +
                               filters + cursor_of(ascending, at));
    if (!answer) return answer.error();
    remaining -= std::min<std::uint64_t>(remaining, member(*answer, list.key).size());
    const bool more = has_more(*answer);
    const auto next = static_cast<std::uint64_t>(std::max(0.0, number(*answer, "next")));
    take(*answer);
    if (!more || remaining == 0) return exit_ok;
    if (next == 0 || (ascending ? next <= at : at != 0 && next >= at)) {
      return context.fail({"the daemon does not get on with the list", "look at its log"});
    }
    at = next;
  }
}

int show_list(const Context& context, const List& list, const ListOptions& options, const std::string& filters,
              const std::function<void(const std::vector<json>&)>& table) {
  const auto pages = [&](const std::function<void(json&)>& take) {
    return each_page(context, list, options, filters, take);
  };
  return show_pages(context, list, options, pages, table);
}

int show_pages(const Context& context, const List& list, const ListOptions& options, const Pages& pages,
               const std::function<void(const std::vector<json>&)>& table) {
  if (options.csv && context.json) {
    return context.fail({"--csv stands beside --json", "use one of them"}, exit_usage);
  }
  if (options.csv || (context.json && options.all)) {
    bool titles = options.csv;
    return pages([&](const json& answer) {
      if (std::exchange(titles, false)) context.out() << csv_titles(list.columns);
      for (const auto& row : member(answer, list.key)) {
        if (options.csv) {
          context.out() << csv_line(row, list.columns);
        } else {
          context.print_json_line(row);
        }
      }
      context.out().flush();
    });
  }
  json whole;
  std::vector<json> rows;
  const int code = pages([&](json& answer) {
    for (const auto& row : member(answer, list.key)) rows.push_back(row);
    whole = std::move(answer);
  });
  if (code != exit_ok) return code;
  if (!context.json) {
    table(rows);
    return exit_ok;
  }
  if (whole.contains(list.key) && whole[list.key].is_array()) whole[list.key] = std::move(rows);
  context.print_json(whole);
  return exit_ok;
}

bool has_more(const json& answer) {
  return answer.is_object() && answer.value("complete", json()) == false;
}

std::string csv_line(const json& row, std::span<const char* const> columns) {
  std::string line;
  for (const auto* column : columns) {
    if (column != columns.front()) line += ',';
    line += csv_cell(cell_text(row, column));
  }
  return line + "\r\n";
}

std::string csv_titles(std::span<const char* const> columns) {
  std::string line;
  for (const auto* column : columns) line += (line.empty() ? "" : ",") + std::string(column);
  return line + "\r\n";
}

}  // namespace gatehouse::cli
