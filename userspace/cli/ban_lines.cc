#include "cli/ban_lines.h"

#include "admin/json_input.h"

namespace gatehouse::cli {
namespace {

constexpr std::string_view blanks = " \t\r";
constexpr std::string_view separators = " \t\r,;";
constexpr std::size_t longest_reason_of_line = 1024;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// "#" between blanks, or at an end: "ticket #7" is no comment.
std::string_view without_comment(std::string_view line) {
  const auto is_blank = [&](std::size_t at) { return at >= line.size() || blanks.contains(line[at]); };
  for (auto at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at == 0 || (is_blank(at - 1) && is_blank(at + 1))) return line.substr(0, at);
  }
  return line;
}

// The first word, and what is left behind it and the separators.
std::string_view take_word(std::string_view& text) {
  const auto word = text.substr(0, text.find_first_of(separators));
  text.remove_prefix(word.size());
  const auto rest = text.find_first_not_of(separators);
  text = rest == std::string_view::npos ? std::string_view{} : text.substr(rest);
  return word;
}

// The end that the next word names, if it names one; the word is taken then.
Result<std::optional<WallTime>> take_end(std::string_view& text, WallTime now) {
  constexpr std::string_view duration = "for=";
  constexpr std::string_view moment = "expires=";
  if (text.starts_with(duration)) {
    const auto parsed = parse_duration(take_word(text).substr(duration.size()));
    if (!parsed) return std::unexpected(parsed.error());
    return now + *parsed;
  }
  if (!text.starts_with(moment)) return std::nullopt;
  const auto word = take_word(text).substr(moment.size());
  const auto parsed = parse_time(word);
  if (!parsed) return std::unexpected(parsed.error());
  if (*parsed <= now) return failure("'" + std::string(word) + "' has passed", "name a moment to come");
  return *parsed;
}

// As some programs write a value with commas in it.
std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

std::string_view without_service(std::string_view line) {
  constexpr std::string_view every_service = "ALL:";
  return line.starts_with(every_service) ? trimmed(line.substr(every_service.size())) : line;
}

}  // namespace

Result<policy::BanTarget> any_target(std::string_view text) {
  return policy::parse_ban_target(text);
}

std::expected<std::vector<BanLine>, Issues> parse_ban_lines(const std::string& file, std::string_view text,
                                                            bool needs_reason, WallTime now,
                                                            const TargetParser& parse) {
  std::vector<BanLine> lines;
  Issues issues;
  if (constexpr std::string_view mark = "\xef\xbb\xbf"; text.starts_with(mark)) text.remove_prefix(mark.size());
  for (int number = 1; !text.empty(); ++number) {
    const auto line_end = text.find('\n');
    auto rest = trimmed(without_comment(trimmed(text.substr(0, line_end))));
    text = line_end == std::string_view::npos ? std::string_view{} : text.substr(line_end + 1);
    if (rest.empty() || rest.front() == ';') continue;
    const auto complain = [&](const Error& error) { issues.add(file, number, error.what, error.mend); };

    rest = without_service(rest);
    auto target = parse(take_word(rest));
    if (!target) complain(target.error());
    const auto end = take_end(rest, now);
    if (!end) complain(end.error());
    const auto reason = unquoted(rest);
    if (reason.empty()) {
      if (needs_reason) complain({"the ban has no reason", "write it behind the target, or give --reason"});
    } else if (const auto checked = admin::check_line(reason, longest_reason_of_line); !checked) {
      complain({"the reason " + checked.error().what, checked.error().mend});
    }
    if (target && end) lines.push_back({std::move(*target), std::string(reason), *end});
  }
  if (!issues.empty()) return std::unexpected(std::move(issues));
  return lines;
}

}  // namespace gatehouse::cli
