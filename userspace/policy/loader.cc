#include "policy/loader.h"

#include <utility>

#include "policy/loader_draft.h"

namespace gatehouse::policy {

std::expected<Document, Issues> load(const std::vector<SourceText>& texts) {
  Issues issues;
  Draft draft;
  for (const auto& text : texts) {
    if (!check_file_text(text.file, text.text, issues)) continue;
    if (const auto root = read_yaml(text.file, text.text, issues)) read_sections(text.file, *root, draft, issues);
  }
  check(draft, issues);
  if (!issues.empty()) {
    issues.sort();
    return std::unexpected(std::move(issues));
  }
  return std::move(draft.document);
}

}  // namespace gatehouse::policy
