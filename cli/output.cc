#include "cli/output.h"

#include "absl/strings/str_cat.h"
#include "lib/json/changes.h"

namespace storpool::cli {
namespace {

json::Json WholeOf(const Output& output) {
  json::Json json = json::Envelope(output.generation, output.data);
  if (!output.missing.empty()) json["missing"] = output.missing;
  return json;
}

}  // namespace

std::string NotCounted(const Output& output) {
  if (output.missing.empty()) return "";
  return absl::StrCat("not everything stored is counted: ", output.missing, "\n");
}

std::string Rendered(const Output& output, Form form, size_t columns) {
  switch (form) {
    case Form::kJson:
      return json::JsonText(WholeOf(output)) + "\n";
    case Form::kCsv:
      return output.table.has_value() ? output.table->Csv() : output.text;
    case Form::kRaw:
      return output.table.has_value() ? output.table->Raw() : output.text;
    case Form::kPeople:
      break;
  }
  return absl::StrCat(output.table.has_value() ? output.table->Text(columns) : "", output.text,
                      NotCounted(output));
}

}  // namespace storpool::cli
