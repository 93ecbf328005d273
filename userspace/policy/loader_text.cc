#include <optional>

#include "policy/loader_draft.h"

namespace gatehouse::policy {
namespace {

constexpr std::size_t most_bytes_of_value = 1000;

// How many bytes the well-formed UTF-8 sequence at `at` has (RFC 3629); 0: it is not well-formed.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const unsigned second = byte(at + 1);
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  if (first >= 0xc2 && first <= 0xdf) return continues(at + 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool overlong = first == 0xe0 && second < 0xa0;
    const bool surrogate = first == 0xed && second > 0x9f;
    return continues(at + 1) && continues(at + 2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool overlong = first == 0xf0 && second < 0x90;
    const bool too_large = first == 0xf4 && second > 0x8f;
    return continues(at + 1) && continues(at + 2) && continues(at + 3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

struct Fault {
  std::size_t at;
  const char* what;
};

std::optional<Fault> first_fault(std::string_view text, bool with_line_ends) {
  for (std::size_t at = 0; at < text.size();) {
    const auto length = sequence_length(text, at);
    if (length == 0) return Fault{at, "a byte that is not UTF-8"};
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool line_end_or_tab = byte == '\n' || byte == '\r' || byte == '\t';
    const bool c1_control = byte == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0;
    if ((byte < 0x20 && !(with_line_ends && line_end_or_tab)) || byte == 0x7f || c1_control) {
      return Fault{at, "a control character"};
    }
    at += length;
  }
  return std::nullopt;
}

}  // namespace

std::string fault_of_value(std::string_view value) {
  if (value.size() > most_bytes_of_value) return "is longer than " + std::to_string(most_bytes_of_value) + " bytes";
  const auto fault = first_fault(value, false);
  return fault ? std::string("holds ") + fault->what : std::string();
}

bool check_file_text(const std::string& file, std::string_view text, Issues& issues) {
  const auto fault = first_fault(text, true);
  if (!fault) return true;
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(fault->at), '\n');
  issues.add(file, static_cast<int>(line), std::string("the text holds ") + fault->what,
             "save the file as plain UTF-8 text without it");
  return false;
}

}  // namespace gatehouse::policy
