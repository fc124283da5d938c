#include "cli/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/check.h"
#include "lib/base/size.h"

namespace storpool::cli {
namespace {

constexpr size_t kBrokenColumnMin = 8;
constexpr size_t kBrokenWordMin = 3;

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

// The first `columns` characters of UTF-8.
size_t BytesOf(const std::string& text, size_t columns) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((text[at] & 0xc0) != 0x80 && columns-- == 0) break;
  }
  return at;
}

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string RawField(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
  return text;
}

// The separators that a slot has beside it: "| " and " ", and the last "|".
constexpr size_t kSlotFrame = 3;

}  // namespace

Cell SizeCell(uint64_t size_bytes) { return {FormatSize(size_bytes), absl::StrCat(size_bytes)}; }

std::vector<std::string> BreakLines(const std::string& text, size_t columns, bool break_words) {
  std::vector<std::string> lines(1);
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  for (std::string word : words) {
    if (!lines.back().empty() && Columns(lines.back()) + 1 + Columns(word) > columns) {
      lines.emplace_back();
    }
    if (!lines.back().empty()) lines.back() += ' ';
    while (break_words && columns > 0 && Columns(word) > columns) {
      const size_t bytes = BytesOf(word, columns);
      lines.back() = word.substr(0, bytes);
      lines.emplace_back();
      word.erase(0, bytes);
    }
    lines.back() += word;
  }
  return lines;
}

Table Table::Properties(std::vector<std::pair<std::string, Cell>> values) {
  Table table({{"name"}, {"value"}});
  table.plain_ = true;
  for (auto& [name, value] : values) table.AddRow({name, std::move(value)});
  return table;
}

void Table::AddRow(std::vector<Cell> cells) {
  SP_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

void Table::AddTotals(std::vector<Cell> cells) {
  SP_CHECK(cells.size() == columns_.size());
  totals_.push_back(std::move(cells));
}

size_t Table::WidthOf(size_t column) const {
  size_t width = Columns(columns_[column].title);
  for (const auto* rows : {&rows_, &totals_}) {
    for (const auto& cells : *rows) width = std::max(width, Columns(cells[column].text));
  }
  return width;
}

bool Table::SaysNothing(size_t column) const {
  return !rows_.empty() && std::ranges::all_of(rows_, [column](const std::vector<Cell>& cells) {
    return cells[column].text.empty() || cells[column].text == "-";
  });
}

// The steps of the comment at the head of table.h, each only as far as needed.
std::vector<Table::Slot> Table::Fit(size_t columns) const {
  std::vector<Slot> slots;
  size_t total = 1;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].shown == Shown::kPrograms) continue;
    slots.push_back({{i}, WidthOf(i)});
    total += slots.back().width + kSlotFrame;
  }
  const auto too_wide = [&] { return columns != 0 && total > columns; };
  for (size_t at = slots.size(); at-- > 1 && too_wide();) {
    if (!SaysNothing(slots[at].columns[0])) continue;
    total -= slots[at].width + kSlotFrame;
    slots.erase(slots.begin() + static_cast<ptrdiff_t>(at));
  }
  for (size_t at = 1; at < slots.size() && too_wide();) {
    if (columns_[slots[at].columns[0]].shown != Shown::kBelow) {
      ++at;
      continue;
    }
    Slot& above = slots[at - 1];
    total -= kSlotFrame + std::min(above.width, slots[at].width);
    above.width = std::max(above.width, slots[at].width);
    above.columns.push_back(slots[at].columns[0]);
    slots.erase(slots.begin() + static_cast<ptrdiff_t>(at));
  }
  // What is still too much is taken from the widest, again and again: first from those that may
  // break at spaces.
  for (const bool words : {false, true}) {
    while (too_wide()) {
      Slot* widest = nullptr;
      for (Slot& slot : slots) {
        const bool may = words || columns_[slot.columns[0]].may_break;
        if (!may || slot.width <= (words ? kBrokenWordMin : kBrokenColumnMin)) continue;
        if (widest == nullptr || slot.width > widest->width) widest = &slot;
      }
      if (widest == nullptr) break;
      --widest->width;
      --total;
    }
  }
  return slots;
}

std::string Table::Row(const std::vector<Cell>& cells, const std::vector<Slot>& slots) const {
  std::vector<std::vector<std::string>> lines(slots.size());
  size_t height = 1;
  for (size_t i = 0; i < slots.size(); ++i) {
    for (const size_t column : slots[i].columns) {
      const std::string& text = cells[column].text;
      const bool fits = Columns(text) <= slots[i].width;
      for (const std::string& line :
           fits ? std::vector{text} : BreakLines(text, slots[i].width, true)) {
        lines[i].push_back(Padded(line, slots[i].width, columns_[column].align));
      }
    }
    height = std::max(height, lines[i].size());
  }
  std::string text;
  for (size_t line = 0; line < height; ++line) {
    text += '|';
    for (size_t i = 0; i < slots.size(); ++i) {
      absl::StrAppend(&text, " ",
                      line < lines[i].size() ? lines[i][line] : std::string(slots[i].width, ' '),
                      " |");
    }
    text += '\n';
  }
  return text;
}

std::string Table::Plain(size_t columns) const {
  size_t width = 0;
  for (const auto& cells : rows_) width = std::max(width, Columns(cells[0].text));
  const size_t room = columns == 0 ? SIZE_MAX : std::max(columns, width + 2 + kBrokenColumnMin);
  std::string text;
  for (const auto& cells : rows_) {
    std::string name = cells[0].text;
    for (const std::string& line : BreakLines(cells[1].text, room - width - 2, true)) {
      absl::StrAppend(&text, Padded(name, width, Align::kLeft), "  ", line, "\n");
      name.clear();
    }
  }
  return text;
}

std::string Table::Text(size_t columns) const {
  if (plain_) return Plain(columns);
  const std::vector<Slot> slots = Fit(columns);
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.emplace_back(column.title);
  size_t total = 1;
  for (const Slot& slot : slots) total += slot.width + kSlotFrame;
  const std::string line = std::string(total, '-') + "\n";
  std::string text = line + Row(titles, slots) + line;
  for (const auto& cells : rows_) text += Row(cells, slots);
  if (!rows_.empty()) text += line;
  for (const auto& cells : totals_) text += Row(cells, slots);
  if (!totals_.empty()) text += line;
  return text;
}

std::string Table::Csv() const {
  std::string text;
  for (size_t i = 0; i < columns_.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ",", CsvField(columns_[i].title));
  }
  text += '\n';
  for (const auto& cells : rows_) {
    for (size_t i = 0; i < cells.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : ",", CsvField(cells[i].exact));
    }
    text += '\n';
  }
  return text;
}

std::string Table::Raw() const {
  std::string text;
  for (const auto& cells : rows_) {
    for (size_t i = 0; i < cells.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : "\t", RawField(cells[i].exact));
    }
    text += '\n';
  }
  return text;
}

}  // namespace storpool::cli
