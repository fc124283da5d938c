// Tables as StorPool's tool draws them: `|` columns between dashed lines; and the same rows with
// exact values for programs.
//
// A table that is too wide for its terminal first leaves out columns in which nothing is said, then
// sets columns that belong together below each other, then breaks texts at spaces, and at last
// breaks words: it is never wider than the terminal as long as that has room for a few letters of
// each column.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace storpool::cli {

// What a terminal has that does not say how wide it is.
inline constexpr size_t kTerminalColumns = 80;

struct Cell {
  Cell(std::string text) : text(text), exact(std::move(text)) {}  // NOLINT
  Cell(const char* text) : text(text), exact(text) {}             // NOLINT
  Cell(std::string text, std::string exact) : text(std::move(text)), exact(std::move(exact)) {}

  std::string text;   // for people
  std::string exact;  // for programs
};

// "1.5 GiB" and 1610612736.
Cell SizeCell(uint64_t size_bytes);

class Table {
 public:
  enum class Align { kLeft, kRight };
  enum class Shown {
    kAlways,
    kBelow,     // below the column before it where there is no room beside it
    kPrograms,  // never to people: they read it elsewhere
  };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    bool may_break = false;  // at spaces, when the table would be too wide
    Shown shown = Shown::kAlways;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One object: its values below each other, drawn without lines.
  static Table Properties(std::vector<std::pair<std::string, Cell>> values);

  // One cell for each column.
  void AddRow(std::vector<Cell> cells);
  // Below a line of its own; not for programs.
  void AddTotals(std::vector<Cell> cells);

  // At most `columns` wide, 0: as wide as it is. Ends with a newline.
  std::string Text(size_t columns) const;
  std::string Csv() const;  // RFC 4180, but for its line ends
  std::string Raw() const;

 private:
  // What stands beside each other: columns that share one are below each other in it.
  struct Slot {
    std::vector<size_t> columns;
    size_t width = 0;
  };
  size_t WidthOf(size_t column) const;
  bool SaysNothing(size_t column) const;
  std::vector<Slot> Fit(size_t columns) const;
  std::string Row(const std::vector<Cell>& cells, const std::vector<Slot>& slots) const;

  std::string Plain(size_t columns) const;

  std::vector<Column> columns_;
  bool plain_ = false;
  std::vector<std::vector<Cell>> rows_;
  std::vector<std::vector<Cell>> totals_;
};

// Lines of at most `columns`, broken at spaces; a longer word stands alone, or is broken too.
std::vector<std::string> BreakLines(const std::string& text, size_t columns,
                                    bool break_words = false);

}  // namespace storpool::cli
