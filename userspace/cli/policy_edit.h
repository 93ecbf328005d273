// Changes of the policy by a verb instead of a file. The same transaction: the policy in force is fetched with its
// version, changed, checked as a whole, and applied unless another change came in between; then all of it is done anew
// on a fresh copy.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>

#include "base/result.h"
#include "cli/context.h"
#include "policy/document.h"

namespace gatehouse::cli {

struct PolicyText {
  std::uint64_t version = 0;
  policy::Document document;
};
// What is in force, or what a former version was. A fault has been reported, and the exit code is the error.
std::expected<PolicyText, int> fetch_policy(const Context& context,
                                            std::optional<std::uint64_t> version = std::nullopt);

struct EditOptions {
  bool dry_run = false;  // show the difference, change nothing
  int attempts = 5;      // 1: a change in between is an error
};
void add_dry_run(CLI::App& verb, EditOptions& options);

// Called anew on a fresh copy when there was a change in between, so it must not keep anything of the one before.
using Edit = std::function<Result<void>(policy::Document&)>;
// Shows the difference, applies it, says what came of it. The exit code.
int edit_policy(const Context& context, const EditOptions& options, const Edit& edit);

}  // namespace gatehouse::cli
