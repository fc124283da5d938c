// What a command has to say, in all the forms that its user may want.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/table.h"
#include "lib/json/json.h"

namespace storpool::cli {

enum class Form {
  kPeople,  // tables with lines, sizes with units
  kJson,    // the API's envelope
  kCsv,     // a line of titles, then the rows; exact values
  kRaw,     // rows with tabs between the values, nothing else; exact values
};

struct Output {
  json::Json data = {};  // within the API's envelope
  uint64_t generation = 0;
  std::optional<Table> table = std::nullopt;
  std::string text = {};     // below the table; without a table, what every form but JSON prints
  std::string missing = {};  // why counts of what is stored are too low; empty: they are not
  // For --watch: whether there is work that goes on by itself, in one line; and whether, once it is
  // over, all is as it should be.
  bool work_goes_on = false;
  bool all_well = true;
  std::string progress = {};
};

// A line that says so; empty if nothing is missing. JSON has it beside the data and people read it
// below the table; rows have no place for it.
std::string NotCounted(const Output& output);

// `columns` that tables may take; 0: as many as they want.
std::string Rendered(const Output& output, Form form, size_t columns);

}  // namespace storpool::cli
