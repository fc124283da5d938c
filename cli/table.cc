#include "cli/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/check.h"

namespace storpool::cli {
namespace {

constexpr size_t kBrokenColumnMin = 8;

// Columns that a text takes on a terminal: one for each character of UTF-8.
size_t Columns(const std::string& text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Padded(const std::string& text, size_t width, Table::Align align) {
  const size_t columns = Columns(text);
  const std::string space(width > columns ? width - columns : 0, ' ');
  return align == Table::Align::kRight ? space + text : text + space;
}

}  // namespace

std::vector<std::string> BreakLines(const std::string& text, size_t columns) {
  std::vector<std::string> lines(1);
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  for (const std::string& word : words) {
    if (!lines.back().empty() && Columns(lines.back()) + 1 + Columns(word) > columns) {
      lines.emplace_back();
    }
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
  }
  return lines;
}

void Table::AddRow(std::vector<std::string> cells) {
  SP_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

void Table::AddTotals(std::vector<std::string> cells) {
  SP_CHECK(cells.size() == columns_.size());
  totals_.push_back(std::move(cells));
}

std::vector<size_t> Table::Widths() const {
  std::vector<size_t> widths;
  size_t total = 1, breakable = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = Columns(columns_[i].title);
    for (const Rows* rows : {&rows_, &totals_}) {
      for (const auto& cells : *rows) width = std::max(width, Columns(cells[i]));
    }
    widths.push_back(width);
    total += width + 3;
    if (columns_[i].may_break) ++breakable;
  }
  // What is too much is taken from the widest breakable column, again and again.
  while (total > kTerminalColumns && breakable > 0) {
    size_t widest = columns_.size();
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].may_break || widths[i] <= kBrokenColumnMin) continue;
      if (widest == columns_.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  return widths;
}

std::string Table::Row(const std::vector<std::string>& cells,
                       const std::vector<size_t>& widths) const {
  std::vector<std::vector<std::string>> broken;
  size_t height = 1;
  for (size_t i = 0; i < cells.size(); ++i) {
    broken.push_back(columns_[i].may_break ? BreakLines(cells[i], widths[i])
                                           : std::vector<std::string>{cells[i]});
    height = std::max(height, broken[i].size());
  }
  std::string text;
  for (size_t line = 0; line < height; ++line) {
    text += '|';
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string piece = line < broken[i].size() ? broken[i][line] : std::string();
      absl::StrAppend(&text, " ", Padded(piece, widths[i], columns_[i].align), " |");
    }
    text += '\n';
  }
  return text;
}

std::string Table::Text() const {
  const std::vector<size_t> widths = Widths();
  std::vector<std::string> titles;
  size_t total = 1;
  for (size_t i = 0; i < columns_.size(); ++i) {
    titles.push_back(columns_[i].title);
    total += widths[i] + 3;
  }
  const std::string line = std::string(total, '-') + "\n";
  std::string text = line + Row(titles, widths) + line;
  for (const auto& cells : rows_) text += Row(cells, widths);
  if (!rows_.empty()) text += line;
  for (const auto& cells : totals_) text += Row(cells, widths);
  if (!totals_.empty()) text += line;
  return text;
}

std::string Properties(const std::vector<std::pair<std::string, std::string>>& lines) {
  size_t width = 0;
  for (const auto& [name, value] : lines) width = std::max(width, Columns(name));
  std::string text;
  for (const auto& [name, value] : lines) {
    absl::StrAppend(&text, Padded(name, width, Table::Align::kLeft), "  ", value, "\n");
  }
  return text;
}

}  // namespace storpool::cli
