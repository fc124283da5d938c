#include "cli/options.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "lib/embed/program.h"

namespace storpool::cli {
namespace {

absl::Status Unknown(const std::string& argument) {
  std::string known;
  for (const OptionText& option : OptionTexts()) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(option.option));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("option \"", argument, "\" is not understood: there are ", known));
}

absl::Status TakeAddresses(const std::string& text, Options& options) {
  options.metadata = embed::SplitAddresses(text);
  if (!options.metadata.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("--metadata wants an address: HOST:PORT[,HOST:PORT]");
}

class Reader {
 public:
  Reader(const std::vector<std::string>& arguments, Options& options)
      : arguments_(arguments), options_(options) {}

  absl::Status Read() {
    for (; at_ < arguments_.size(); ++at_) {
      const std::string& argument = arguments_[at_];
      if (only_words_ || argument.size() < 2 || argument[0] != '-') {
        options_.words.push_back(argument);
        continue;
      }
      const bool is_long = argument[1] == '-';
      if (absl::Status s = is_long ? Long(argument) : Letters(argument); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Long(const std::string& argument) {
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string::npos) value = argument.substr(equals + 1);
    if (name == "--metadata" || name == "--file") {
      if (!value.has_value() && at_ + 1 < arguments_.size()) value = arguments_[++at_];
      if (name == "--metadata") return TakeAddresses(value.value_or(""), options_);
      return TakeFile(value);
    }
    if (value.has_value()) return Unknown(argument);
    if (name == "--") {
      only_words_ = true;
    } else if (name == "--help") {
      options_.help = true;
    } else if (name == "--version") {
      options_.version = true;
    } else if (name == "--man") {
      options_.man = true;
    } else if (name == "--watch") {
      options_.watch = true;
    } else if (name == "--complete") {
      options_.complete = true;
      only_words_ = true;  // the words are being written, whatever they look like
    } else {
      return Unknown(argument);
    }
    return absl::OkStatus();
  }

  absl::Status Letters(const std::string& argument) {
    for (size_t i = 1; i < argument.size(); ++i) {
      switch (argument[i]) {
        case 'j':
          options_.form = Form::kJson;
          break;
        case 'c':
          options_.form = Form::kCsv;
          break;
        case 'r':
          options_.form = Form::kRaw;
          break;
        case 'B':
          options_.batch = true;
          break;
        case 'M':
          break;  // multi-cluster mode: with one cluster there is no difference
        case 'h':
          options_.help = true;
          break;
        case 'f': {
          if (i + 1 < argument.size()) return TakeFile(argument.substr(i + 1));
          if (at_ + 1 < arguments_.size()) return TakeFile(arguments_[++at_]);
          return TakeFile(std::nullopt);
        }
        default:
          return Unknown(argument);
      }
    }
    return absl::OkStatus();
  }

  absl::Status TakeFile(const std::optional<std::string>& file) {
    if (!file.has_value() || file->empty()) {
      return absl::InvalidArgumentError("-f wants a file of commands, or - for standard input");
    }
    options_.file = *file;
    return absl::OkStatus();
  }

  const std::vector<std::string>& arguments_;
  Options& options_;
  size_t at_ = 0;
  bool only_words_ = false;
};

}  // namespace

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments, Options base) {
  base.words.clear();
  if (absl::Status s = Reader(arguments, base).Read(); !s.ok()) return s;
  return base;
}

const std::vector<OptionText>& OptionTexts() {
  static const std::vector<OptionText> texts = {
      {"--metadata=HOST:PORT[,HOST:PORT]",
       "Where metadata listens; else what STORPOOL_METADATA says in the environment or in "
       "/etc/storpool.conf, else 127.0.0.1:7480."},
      {"-j",
       "JSON: {\"generation\": N, \"data\": ...}, or {\"error\": {\"name\", \"descr\", "
       "\"transient\"}}."},
      {"-c", "CSV: a line of titles, then the rows; sizes in bytes."},
      {"-r", "Raw: the rows, with tabs between the values; sizes in bytes."},
      {"-B",
       "Batch: transient errors are tried again after 1, 2, 4, 8 and 16 seconds, and a file of "
       "commands ends at its first error."},
      {"-f FILE", "Runs the commands in FILE, one a line; - is standard input."},
      {"--file=FILE", "As -f FILE."},
      {"-M", "Multi-cluster mode: accepted; there is one cluster."},
      {"--watch",
       "Shows status again and again until the work that it shows is over: resync, relocation, "
       "deletion, fill."},
      {"-h", "As --help."},
      {"--help", "Help for the words given."},
      {"--version", "Prints the release."},
      {"--man", "Prints the man page."},
      {"--complete WORDS...", "Prints what the last word may become, one a line: for shells."},
  };
  return texts;
}

}  // namespace storpool::cli
