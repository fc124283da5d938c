#include "cli/output.h"

#include "lib/json/changes.h"

namespace storpool::cli {

std::string Rendered(const Output& output, Form form, size_t columns) {
  switch (form) {
    case Form::kJson:
      return json::JsonText(json::Envelope(output.generation, output.data)) + "\n";
    case Form::kCsv:
      return output.table.has_value() ? output.table->Csv() : output.text;
    case Form::kRaw:
      return output.table.has_value() ? output.table->Raw() : output.text;
    case Form::kPeople:
      break;
  }
  return (output.table.has_value() ? output.table->Text(columns) : std::string()) + output.text;
}

}  // namespace storpool::cli
