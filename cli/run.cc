#include "cli/run.h"

#include <fstream>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/names.h"
#include "cli/script.h"
#include "cli/shell.h"
#include "lib/embed/program.h"

namespace storpool::cli {
namespace {

Options BaseOptions(const World& world) {
  Options base;
  base.metadata = embed::SplitAddresses(world.Setting("STORPOOL_METADATA"));
  if (base.metadata.empty()) base.metadata = {std::string(embed::kMetadataAddress)};
  return base;
}

int RunFile(const Options& options, const std::vector<Command>& commands, World& world) {
  if (options.file == "-") return RunScript(world.in, "", options, commands, world);
  std::ifstream file(options.file);
  if (!file) {
    return ReportUsage(absl::NotFoundError(absl::StrCat(options.file, " cannot be read")), {},
                       options.form, world);
  }
  return RunScript(file, options.file, options, commands, world);
}

// For shells: one word a line.
int Complete(const Options& options, const std::vector<Command>& commands, World& world) {
  const std::vector<std::string>& written = options.words;
  const std::string partial = written.empty() ? "" : written.back();
  const std::vector<std::string> before(written.begin(), written.end() - !written.empty());
  const absl::StatusOr<Options> said = ParseOptions(before, BaseOptions(world));
  if (!said.ok()) return kUsage;
  AdminClient admin(said->metadata, world.connect);
  for (const std::string& word :
       Completions(commands, SplitWords(said->words), partial, NamesOf(admin))) {
    world.out << word << "\n";
  }
  return Written(kOk, world);
}

}  // namespace

int Run(const std::vector<std::string>& arguments, World& world) {
  const absl::StatusOr<Options> options = ParseOptions(arguments, BaseOptions(world));
  if (!options.ok()) return ReportUsage(options.status(), {}, Form::kPeople, world);
  const std::vector<Command> commands = AllCommands();
  if (options->man) {
    world.out << ManPage(commands);
    return Written(kOk, world);
  }
  if (options->complete) return Complete(*options, commands, world);
  const std::vector<Word> words = SplitWords(options->words);
  if (!options->file.empty()) return RunFile(*options, commands, world);
  const bool asks = options->help || options->version;
  if (asks || !words.empty()) return Execute(*options, commands, words, world);
  if (!world.in_is_terminal) return RunScript(world.in, "", *options, commands, world);
  return RunShell(*world.open_editor(), *options, commands, world);
}

}  // namespace storpool::cli
