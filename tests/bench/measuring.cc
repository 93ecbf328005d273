#include "bench/measuring.h"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace gatehouse::bench {

void print(const Row& row) {
  const double ratio = row.better == Better::smaller ? row.peer_value / row.ours : row.ours / row.peer_value;
  const nlohmann::ordered_json line{
      {"name", row.name}, {"unit", row.unit}, {"ours", row.ours}, {"peer", row.peer}, {"peer_value", row.peer_value},
      {"ratio", ratio}};
  std::cout << line.dump() << std::endl;
}

void progress(const std::string& text) {
  std::cerr << "  " << text << std::endl;
}

double median(std::vector<double> values) {
  if (values.empty()) throw std::invalid_argument("the median of nothing was asked for");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::string count_text(std::size_t count) {
  std::size_t zeros = 0;
  std::size_t rest = count;
  while (rest >= 10 && rest % 10 == 0) {
    rest /= 10;
    ++zeros;
  }
  return rest == 1 && zeros > 0 ? "1e" + std::to_string(zeros) : std::to_string(count);
}

}  // namespace gatehouse::bench
