// The difference that a change of the policy makes, as the daemon tells it, for people.
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>

namespace gatehouse::cli {

// "+ users bob", "~ grants g" with what is another, "- pools p".
void print_changes(const nlohmann::json& changes, std::ostream& out);
// That the change is in force, with its consequences: of the answer of POST /v1/policy/apply.
void print_in_force(const nlohmann::json& applied, std::ostream& out);

}  // namespace gatehouse::cli
