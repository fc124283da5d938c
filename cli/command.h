// The commands of storpoolctl as data: their words, their parameters, and what runs them. The
// parser, the help, the suggestions and the man page all read this one table.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/output.h"

namespace storpool::cli {

struct Session;

enum class Kind {
  kFlag,       // the word alone; one of the choices may follow it
  kText,       // any word
  kPath,       // may have spaces if it begins its argument
  kRest,       // all words that are left
  kNumber,     // between min and max, or one of the choices
  kSize,       // bytes
  kBandwidth,  // bytes a second, written as MB/s, or one of the choices
  kDuration,   // seconds
  kMoment,     // seconds since 1970
  kTag,        // NAME=VALUE
  kChoice,     // one of the choices
};

struct Parameter {
  std::string_view word = {};   // "size"; of a value in the pattern: its placeholder
  std::string_view value = {};  // the placeholder of what follows the word; empty for a flag
  Kind kind = Kind::kText;
  std::string_view help = {};
  bool required = false;
  bool repeated = false;
  uint64_t min = 0;
  uint64_t max = std::numeric_limits<uint64_t>::max();
  std::vector<std::string_view> choices = {};
};

// What was given for each parameter; the key is Parameter::word.
class Arguments {
 public:
  struct Value {
    std::string text;
    uint64_t number = 0;  // of the kinds that are numbers
  };
  void Add(std::string_view key, Value value) { values_[std::string(key)].push_back(value); }
  bool Has(std::string_view key) const { return values_.contains(key); }
  // Empty, 0 if it was not given.
  std::string Text(std::string_view key) const;
  uint64_t Number(std::string_view key) const;
  uint32_t Id(std::string_view key) const { return static_cast<uint32_t>(Number(key)); }
  std::vector<Value> All(std::string_view key) const;

 private:
  std::map<std::string, std::vector<Value>, std::less<>> values_;
};

// A word of what a command prints, and what it means.
struct Term {
  std::string_view word;
  std::string_view meaning;
};

// How a value says "no limit", as StorPool does.
inline constexpr std::string_view kNoLimit = "-";

struct Command {
  // "volume NAME create": words in capitals stand for values. One that stands twice must be given
  // twice alike: a safety catch. The last may be "[NAME]", which may be left out, or "NAME...".
  std::string_view pattern = {};
  std::string_view summary = {};           // one line, no full stop
  std::vector<Parameter> values = {};      // of the pattern, where not plain kText
  std::vector<Parameter> parameters = {};  // in any order, behind the pattern's first words
  bool wants_parameter = false;            // one at least
  bool may_watch = false;                  // shows work that goes on by itself: --watch
  std::string_view details = {};           // a paragraph, or empty
  std::vector<Term> terms = {};            // of its table, where they do not speak for themselves
  std::string_view example = {};           // words
  absl::StatusOr<Output> (*run)(Session& session, const Arguments& arguments) = nullptr;
};

// The tokens of a pattern; capitals are values.
std::vector<std::string_view> PatternWords(const Command& command);
bool IsPlaceholder(std::string_view word);
bool IsOptional(std::string_view word);
bool IsRepeated(std::string_view word);
// "NAME" of "[NAME]" and "NAME...".
std::string_view PlaceholderName(std::string_view word);
// How a value of the pattern is to be read.
Parameter ValueOf(const Command& command, std::string_view placeholder);

}  // namespace storpool::cli
