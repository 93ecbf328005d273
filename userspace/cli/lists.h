// What the verbs that list what happened share (audit, sessions, visits): their filters, going through the pages of the
// API, and the forms for other programs. As CSV (RFC 4180: a line of names, CRLF, quotes where they are needed) cells
// are as the API has them; one that a spreadsheet would take for a formula gets an apostrophe in front, and so does one
// that begins with an apostrophe, so that taking one away gives the text back.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cli/context.h"

namespace gatehouse::cli {

struct ListOptions {
  std::string user;
  std::string source;
  std::string server;
  std::string service;
  std::string reason;  // checked by the verb, whose words they are
  std::string since;
  std::string until;
  std::uint64_t before = 0;  // 0: from the newest on
  std::uint64_t after = 0;
  bool has_after = false;
  std::uint64_t limit = 100;
  bool all = false;
  bool csv = false;
};
void add_list_options(CLI::App& verb, ListOptions& options);

// As a query, each with & in front; without reason, limit and place. Nothing is sent that is not well-formed.
Result<std::string> filters_of(const ListOptions& options, WallTime now);
std::string filter(const char* name, const std::string& value);  // empty for an empty value
Result<std::string> network_filter(const char* name, const std::string& value);
Result<std::string> end_reason_filter(const std::string& value);

struct List {
  std::string_view path;  // "/v1/audit"
  const char* key = "";   // of the rows in the answer
  std::span<const char* const> columns{};
  bool oldest_first = false;  // where all are wanted
};

// Shows the list in the form that is wanted. `table` gets the rows in the order of the API. The exit code.
int show_list(const Context& context, const List& list, const ListOptions& options, const std::string& filters,
              const std::function<void(const std::vector<nlohmann::json>&)>& table);

// The same, of answers that come otherwise than by each_page().
using Pages = std::function<int(const std::function<void(nlohmann::json&)>& take)>;
int show_pages(const Context& context, const List& list, const ListOptions& options, const Pages& pages,
               const std::function<void(const std::vector<nlohmann::json>&)>& table);

// The answers, page by page, until the limit or the end. The exit code.
int each_page(const Context& context, const List& list, const ListOptions& options, const std::string& filters,
              const std::function<void(nlohmann::json&)>& take);

// The daemon had not looked at everything: there is another page, from `next` on.
bool has_more(const nlohmann::json& answer);

std::string csv_line(const nlohmann::json& row, std::span<const char* const> columns);
std::string csv_titles(std::span<const char* const> columns);

}  // namespace gatehouse::cli
