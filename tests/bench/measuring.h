// What the benchmarks say and how they say it: results are JSON lines on the standard output, one {name, unit, ours,
// peer, peer_value, ratio} each, as scripts/bench.sh collects them; what goes on meanwhile is on the standard error.
#pragma once

#include <string>
#include <vector>

namespace gatehouse::bench {

enum class Better { smaller, larger };

struct Row {
  std::string name;
  std::string unit;
  Better better = Better::smaller;
  double ours = 0;
  std::string peer;  // "HAProxy", or "aim" where the peer is a figure of the design
  double peer_value = 0;
};

// The ratio is above 1 where ours is better.
void print(const Row& row);
// Ends the line.
void progress(const std::string& text);

// Of an even number of values the mean of the two in the middle. Throws std::invalid_argument for none.
double median(std::vector<double> values);

// "1e3", "1e5", "2500".
std::string count_text(std::size_t count);

}  // namespace gatehouse::bench
