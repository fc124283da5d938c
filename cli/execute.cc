#include "cli/execute.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/parser.h"
#include "cli/watch.h"
#include "lib/embed/program.h"
#include "lib/json/changes.h"

namespace storpool::cli {
namespace {

// As StorPool's clients do (reference 3.1).
constexpr std::array<int64_t, 5> kRetrySeconds = {1, 2, 4, 8, 16};

// The error as a line for people on stderr, and with -j in the API's form on stdout.
void Report(const ApiError& error, Form form, World& world, const std::string& where) {
  world.err << where << "Error: " << error.name() << ": " << error.descr() << "\n";
  if (form != Form::kJson) return;
  world.out << json::JsonText(json::JsonOf(error)) << "\n";
}

int ReportFailure(const absl::Status& status, const std::vector<Word>& words, Form form,
                  World& world, const std::string& where) {
  if (IsUsageError(status)) return ReportUsage(status, words, form, world, where);
  if (IsDeclined(status)) {
    world.err << where << status.message() << "\n";
    return kFailed;
  }
  const ApiError error = ApiErrorOf(status);
  Report(error, form, world, where);
  return error.name() == "objectDoesNotExist" ? kDoesNotExist : kFailed;
}

// Words that are no command, as `status` says: wrong ones, or StorPool's for what is not here.
int ReportUnknown(const absl::Status& status, const std::vector<Word>& words, Form form,
                  World& world, const std::string& where) {
  const std::vector<Command> absent = AbsentCommands();
  const absl::StatusOr<Parsed> parsed = Parse(absent, words);
  if (!parsed.ok()) return ReportUsage(status, words, form, world, where);
  const std::string why(parsed->command->summary);
  return ReportFailure(absl::UnimplementedError(why), words, form, world, where);
}

absl::StatusOr<Output> RunWithRetries(const Parsed& parsed, Session& session) {
  absl::StatusOr<Output> output = parsed.command->run(session, parsed.arguments);
  if (!session.options.batch) return output;
  for (const int64_t seconds : kRetrySeconds) {
    if (output.ok() || !ApiErrorOf(output.status()).transient()) break;
    session.world.sleep(seconds);
    output = parsed.command->run(session, parsed.arguments);
  }
  return output;
}

int Help(const Options& options, const std::vector<Command>& commands,
         const std::vector<Word>& words, World& world, const std::string& where) {
  if (words.empty()) {
    world.out << Overview(commands);
    return kOk;
  }
  const std::string text = HelpFor(commands, words);
  if (text.empty()) {
    const absl::StatusOr<Parsed> parsed = Parse(commands, words);
    return ReportUnknown(
        parsed.ok() ? absl::NotFoundError("there is no help for this") : parsed.status(), words,
        options.form, world, where);
  }
  world.out << text;
  return kOk;
}

int Perform(const Options& options, const std::vector<Command>& commands,
            const std::vector<Word>& words, World& world, const std::string& where) {
  if (options.version) {
    world.out << "storpoolctl " << embed::kVersion << "\n";
    return kOk;
  }
  const bool asks = !words.empty() && words[0].text == "help";
  if (asks || options.help) {
    return Help(options, commands, {words.begin() + (asks ? 1 : 0), words.end()}, world, where);
  }
  const absl::StatusOr<Parsed> parsed = Parse(commands, words);
  if (!parsed.ok()) return ReportUnknown(parsed.status(), words, options.form, world, where);
  AdminClient admin(options.metadata, world.connect);
  Session session{world, admin, options};
  const auto run = [&] { return RunWithRetries(*parsed, session); };
  if (options.watch && !parsed->command->may_watch) {
    return ReportUsage(absl::InvalidArgumentError("there is nothing to --watch"), words,
                       options.form, world, where);
  }
  const absl::StatusOr<Output> output = options.watch ? Watch(run, session) : run();
  if (!output.ok()) return ReportFailure(output.status(), words, options.form, world, where);
  if (options.watch) return output->all_well ? kOk : kNotWell;
  world.out << Rendered(*output, options.form, world.columns);
  const bool only_rows = options.form == Form::kCsv || options.form == Form::kRaw;
  if (only_rows && !output->missing.empty()) world.err << where << NotCounted(*output);
  return kOk;
}

}  // namespace

int Written(int code, World& world, const std::string& where) {
  if (world.out.flush()) return code;
  world.out.clear();  // the next line of a script may fail too, and say so
  world.err << where
            << "Error: internalError: what this prints cannot be written; is a disk full?\n";
  return code == kOk || code == kNotWell ? kFailed : code;
}

int ReportUsage(const absl::Status& status, const std::vector<Word>& words, Form form, World& world,
                const std::string& where) {
  std::string said;
  for (const Word& word : words) absl::StrAppend(&said, said.empty() ? "" : " ", word.text);
  ApiError error;
  error.set_name("invalidParam");
  error.set_descr(said.empty() ? std::string(status.message())
                               : absl::StrCat(said, ": ", status.message()));
  Report(error, form, world, where);
  return kUsage;
}

int Execute(const Options& options, const std::vector<Command>& commands,
            const std::vector<Word>& words, World& world, const std::string& where) {
  return Written(Perform(options, commands, words, world, where), world, where);
}

}  // namespace storpool::cli
