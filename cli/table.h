// Tables as StorPool's tool draws them: `|` columns between dashed lines.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace storpool::cli {

// What a terminal has; wider tables break the text of the columns that may be broken.
inline constexpr size_t kTerminalColumns = 80;

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    bool may_break = false;  // at spaces, when the table would be too wide
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell for each column.
  void AddRow(std::vector<std::string> cells);
  // Below a line of its own.
  void AddTotals(std::vector<std::string> cells);
  // Ends with a newline.
  std::string Text() const;

 private:
  using Rows = std::vector<std::vector<std::string>>;
  std::vector<size_t> Widths() const;
  std::string Row(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;

  const std::vector<Column> columns_;
  Rows rows_;
  Rows totals_;
};

// "name     value" lines: one object, with its values below each other.
std::string Properties(const std::vector<std::pair<std::string, std::string>>& lines);

// Lines of at most `columns`, broken at spaces; a longer word stands alone.
std::vector<std::string> BreakLines(const std::string& text, size_t columns);

}  // namespace storpool::cli
