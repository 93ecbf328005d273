// The document that describes the API to programs: OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1), as JSON. Its source is
// openapi.json beside this file.
#pragma once

#include <string_view>

namespace gatehouse::admin {

std::string_view openapi_document();

}  // namespace gatehouse::admin
