#include "cli/run.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/parser.h"
#include "lib/json/changes.h"

namespace storpool::cli {
namespace {

// As StorPool's clients do (reference 3.1).
constexpr std::array<int64_t, 5> kRetrySeconds = {1, 2, 4, 8, 16};

// The error as a line for people on stderr, and with -j in the API's form on stdout.
void Report(const ApiError& error, bool json, World& world) {
  world.err << "Error: " << error.name() << ": " << error.descr() << "\n";
  if (!json) return;
  world.out << json::JsonText(json::JsonOf(error)) << "\n";
}

int ReportUsage(const absl::Status& status, const std::vector<Word>& words, bool json,
                World& world) {
  std::string said;
  for (const Word& word : words) absl::StrAppend(&said, said.empty() ? "" : " ", word.text);
  ApiError error;
  error.set_name("invalidParam");
  error.set_descr(said.empty() ? std::string(status.message())
                               : absl::StrCat(said, ": ", status.message()));
  Report(error, json, world);
  return kUsage;
}

absl::StatusOr<Output> RunWithRetries(const Parsed& parsed, Session& session, bool retry) {
  absl::StatusOr<Output> output = parsed.command->run(session, parsed.arguments);
  if (!retry) return output;
  for (const int64_t seconds : kRetrySeconds) {
    if (output.ok() || !ApiErrorOf(output.status()).transient()) break;
    session.world.sleep(seconds);
    output = parsed.command->run(session, parsed.arguments);
  }
  return output;
}

int Help(const std::vector<Command>& commands, const std::vector<Word>& words, World& world) {
  if (words.empty()) {
    world.out << Overview(commands);
    return kOk;
  }
  const std::string text = HelpFor(commands, words);
  if (text.empty()) {
    const absl::StatusOr<Parsed> parsed = Parse(commands, words);
    return ReportUsage(
        parsed.ok() ? absl::NotFoundError("there is no help for this") : parsed.status(), words,
        false, world);
  }
  world.out << text;
  return kOk;
}

int RunWords(const Options& options, const std::vector<Command>& commands,
             const std::vector<Word>& words, World& world) {
  const absl::StatusOr<Parsed> parsed = Parse(commands, words);
  if (!parsed.ok()) return ReportUsage(parsed.status(), words, options.json, world);
  AdminClient admin(options.metadata, world.connect);
  Session session{world, admin, options.json};
  const absl::StatusOr<Output> output = RunWithRetries(*parsed, session, options.batch);
  if (!output.ok()) {
    if (IsUsageError(output.status())) {
      return ReportUsage(output.status(), words, options.json, world);
    }
    const ApiError error = ApiErrorOf(output.status());
    Report(error, options.json, world);
    return error.name() == "objectDoesNotExist" ? kDoesNotExist : kFailed;
  }
  if (options.json) {
    world.out << json::JsonText(json::Envelope(output->generation, output->data)) << "\n";
  } else {
    world.out << output->text;
  }
  return kOk;
}

}  // namespace

int Run(const std::vector<std::string>& arguments, World& world) {
  const absl::StatusOr<Options> options = ParseOptions(arguments, world.metadata);
  if (!options.ok()) return ReportUsage(options.status(), {}, false, world);
  const std::vector<Command> commands = AllCommands();
  std::vector<Word> words = SplitWords(options->words);
  if (options->man) {
    world.out << ManPage(commands);
    return kOk;
  }
  const bool asks = !words.empty() && words[0].text == "help";
  if (asks) words.erase(words.begin());
  if (asks || options->help) return Help(commands, words, world);
  if (words.empty()) {
    world.err << Overview(commands);
    return kUsage;
  }
  return RunWords(*options, commands, words, world);
}

}  // namespace storpool::cli
