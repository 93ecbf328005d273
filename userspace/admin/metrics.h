// The status as metrics in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats, version
// 0.0.4), with names after prometheus.io/docs/practices/naming: base units, and counters end in _total.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace gatehouse::admin {

inline constexpr const char* metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

// `status` as Operations::status() gives it; what is missing there is left out.
std::string metrics_of(const nlohmann::json& status);

}  // namespace gatehouse::admin
