#include "cli/options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/embed/program.h"

namespace storpool::cli {
namespace {

constexpr std::string_view kMetadata = "--metadata";

absl::Status Letters(const std::string& argument, Options& options) {
  for (const char letter : argument.substr(1)) {
    switch (letter) {
      case 'j':
        options.json = true;
        break;
      case 'B':
        options.batch = true;
        break;
      case 'M':
        break;  // multi-cluster mode: with one cluster there is no difference
      case 'h':
        options.help = true;
        break;
      default:
        return absl::InvalidArgumentError(absl::StrCat("option \"", argument,
                                                       "\" is not understood: there are -j, -B, "
                                                       "-M, --metadata=ADDRESS and --help"));
    }
  }
  return absl::OkStatus();
}

absl::Status TakeAddresses(const std::string& text, Options& options) {
  options.metadata = absl::StrSplit(text, absl::ByAnyChar(", "), absl::SkipEmpty());
  if (!options.metadata.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("--metadata wants an address: HOST:PORT[,HOST:PORT]");
}

}  // namespace

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments,
                                     const std::string& environment) {
  Options options;
  options.metadata = {std::string(embed::kMetadataAddress)};
  if (!environment.empty()) {
    if (absl::Status s = TakeAddresses(environment, options); !s.ok()) return s;
  }
  bool only_words = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    absl::Status status;
    if (only_words || argument.size() < 2 || argument[0] != '-') {
      options.words.push_back(argument);
    } else if (argument == "--") {
      only_words = true;
    } else if (argument == "--help") {
      options.help = true;
    } else if (argument == "--man") {
      options.man = true;
    } else if (argument == kMetadata) {
      status = TakeAddresses(i + 1 < arguments.size() ? arguments[i + 1] : "", options);
      ++i;
    } else if (argument.compare(0, kMetadata.size() + 1, std::string(kMetadata) + "=") == 0) {
      status = TakeAddresses(argument.substr(kMetadata.size() + 1), options);
    } else {
      status = Letters(argument, options);
    }
    if (!status.ok()) return status;
  }
  return options;
}

const std::vector<OptionText>& OptionTexts() {
  static const std::vector<OptionText> texts = {
      {"--metadata=HOST:PORT[,HOST:PORT]",
       "Where metadata listens; else the environment's STORPOOL_METADATA, else 127.0.0.1:7480."},
      {"-j",
       "JSON: {\"generation\": N, \"data\": ...}, or {\"error\": {\"name\", \"descr\", "
       "\"transient\"}}."},
      {"-B", "Batch: transient errors are tried again after 1, 2, 4, 8 and 16 seconds."},
      {"--help", "Help for the words given."},
  };
  return texts;
}

}  // namespace storpool::cli
