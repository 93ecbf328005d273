// Rows in aligned columns. Cells are taken as they are: escape them first (cli/text.h; show() has done it).
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace gatehouse::cli {

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns);
  void add(std::vector<std::string> cells);  // one for each column
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::vector<std::string> lines() const;  // the titles first; no spaces at the ends
  void print(std::ostream& out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace gatehouse::cli
