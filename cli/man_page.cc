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
  for (const Term& term : command.terms) AddTagged(term.word, term.meaning, page);
  if (!command.example.empty()) {
    absl::StrAppend(&page, ".PP\nFor example:\n.PP\n.EX\n    storpoolctl ", Roff(command.example),
                    "\n.EE\n");
  }
}

// What stands behind the commands.
void AddEnd(std::string& page) {
  absl::StrAppend(&page, ".SH SHELL\n",
                  Roff("Without words on a terminal it is a shell: with history, completion by the "
                       "tab key, and the words help and exit. Without words elsewhere it runs the "
                       "commands that it reads from standard input, one a line."),
                  "\n");
  page += ".SH EXIT STATUS\n";
  AddTagged("0", "Done.", page);
  AddTagged("1", "The words were not understood.", page);
  AddTagged("2",
            "The cluster, the machine, or whoever was asked, said no; or metadata cannot be "
            "reached; or what was to be printed cannot be written.",
            page);
  AddTagged("3", "The object that was named does not exist.", page);
  AddTagged("4", "--watch: the work is over, and something is not as it should be.", page);
  page += ".SH ENVIRONMENT\n";
  AddTagged("STORPOOL_METADATA", "Addresses of metadata, as for --metadata.", page);
  AddTagged("SP_OURID", "The id of this machine's client: attach volume db1 here.", page);
  AddTagged("SP_CLI_PROMPT", "The prompt of the shell; may name settings as ${SP_CLUSTER_NAME}.",
            page);
  page += ".SH FILES\n";
  AddTagged("/etc/storpool.conf",
            "What the environment may say, in lines KEY=VALUE; those below a line [HOST] count on "
            "that host only. The environment goes before it.",
            page);
  AddTagged("/etc/storpool.conf.d/*.conf", "More of that, read after it in order of their names.",
            page);
  AddTagged("~/.storpoolctl_history", "What was typed in the shell.", page);
  absl::StrAppend(&page, ".SH STORPOOL_CONFGET\n.B storpool_confget\n",
                  Roff("[-S] [-s HOST] [-f FILE] [KEY...]"), "\n.PP\n",
                  Roff("Prints these settings for scripts, one KEY=VALUE a line: all, or those "
                       "named; the exit status is 1 if one of them is not set. -S quotes the "
                       "values for a shell, -s takes the settings of another host, -f those of "
                       "another file."),
                  "\n");
  page +=
      ".SH SEE ALSO\n.BR storpool_metadata (8),\n.BR storpool_node (8),\n"
      ".BR storpool_client (8)\n";
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
  AddEnd(page);
  return page;
}

}  // namespace storpool::cli
