// The man page, made from the same table as the help.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/help.h"
#include "cli/options.h"

namespace storpool::cli {
namespace {

std::string Roff(std::string_view text) {
  std::string escaped = absl::StrReplaceAll(absl::string_view(text.data(), text.size()),
                                            {{"\\", "\\e"}, {"-", "\\-"}});
  if (!escaped.empty() && (escaped[0] == '.' || escaped[0] == '\'')) escaped = "\\&" + escaped;
  return escaped;
}

void AddTagged(std::string_view tag, std::string_view text, std::string& page) {
  absl::StrAppend(&page, ".TP\n.B ", Roff(tag), "\n", Roff(text), "\n");
}

void AddCommand(const Command& command, std::string& page) {
  absl::StrAppend(&page, ".SS ", Roff(Usage(command)), "\n", Roff(command.summary), ".\n");
  if (!command.details.empty()) absl::StrAppend(&page, Roff(command.details), "\n");
  for (const auto* parameters : {&command.values, &command.parameters}) {
    for (const Parameter& parameter : *parameters) {
      std::string tag(parameter.word);
      if (!parameter.value.empty() && parameter.value != parameter.word) {
        absl::StrAppend(&tag, " ", std::string(parameter.value));
      }
      AddTagged(tag, parameter.help, page);
    }
  }
  if (!command.example.empty()) {
    absl::StrAppend(&page, ".PP\nFor example:\n.PP\n.EX\n    storpoolctl ", Roff(command.example),
                    "\n.EE\n");
  }
}

}  // namespace

std::string ManPage(const std::vector<Command>& commands) {
  std::string page =
      ".\\\" Made by storpoolctl --man; change cli/*_commands.cc instead.\n"
      ".TH STORPOOLCTL 8 \"\" \"libstorpool\" \"System administration\"\n"
      ".SH NAME\nstorpoolctl \\- administer a libstorpool cluster\n"
      ".SH SYNOPSIS\n.B storpoolctl\n[OPTIONS] WORDS...\n"
      ".SH DESCRIPTION\n"
      "Words name an object and what to do with it. They may stand in one argument or in many; "
      "parameters may stand in any order. A path may have spaces if it is an argument of its own. "
      "Sizes take the suffixes K, M, G, T and P, all binary.\n"
      ".SH OPTIONS\n";
  for (const OptionText& option : OptionTexts()) AddTagged(option.option, option.help, page);
  page += ".SH COMMANDS\n";
  for (const Command& command : commands) AddCommand(command, page);
  page += ".SH EXIT STATUS\n";
  AddTagged("0", "Done.", page);
  AddTagged("1", "The words were not understood.", page);
  AddTagged("2", "The cluster, or the machine, said no; or metadata cannot be reached.", page);
  AddTagged("3", "The object that was named does not exist.", page);
  page += ".SH ENVIRONMENT\n";
  AddTagged("STORPOOL_METADATA", "Addresses of metadata, as for --metadata.", page);
  return page;
}

}  // namespace storpool::cli
