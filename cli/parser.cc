#include "cli/parser.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/help.h"
#include "cli/size.h"

namespace storpool::cli {
namespace {

using Suggestions = std::vector<std::string_view>;

std::string Joined(const Suggestions& words) {
  return absl::StrJoin(words, ", ", [](std::string* out, std::string_view word) {
    out->append(word.data(), word.size());
  });
}

// What may follow: the rest of an error's text.
std::string Possible(const std::string& word, const Suggestions& near, const Suggestions& words) {
  std::string text;
  const std::string_view nearest = NearestWord(word, near);
  if (!nearest.empty()) absl::StrAppend(&text, "; did you mean \"", std::string(nearest), "\"?");
  if (!words.empty()) {
    absl::StrAppend(&text, nearest.empty() ? "; p" : " P", "ossible here: ", Joined(words));
  }
  return text;
}

// Reads the value at words[at]; moves `at` behind it.
absl::StatusOr<Arguments::Value> ReadValue(const Parameter& parameter,
                                           const std::vector<Word>& words, size_t& at) {
  const Word& word = words[at];
  const std::string name(parameter.word);
  if (parameter.kind == Kind::kPath) {
    at += word.words_of_argument;
    return Arguments::Value{word.argument};
  }
  ++at;
  if (std::ranges::find(parameter.choices, word.text) != parameter.choices.end()) {
    return Arguments::Value{word.text};
  }
  if (parameter.kind == Kind::kChoice) {
    return absl::InvalidArgumentError(absl::StrCat("\"", word.text, "\" is not understood for ",
                                                   name, ": one of ", Joined(parameter.choices)));
  }
  Arguments::Value value{word.text};
  if (parameter.kind == Kind::kSize) {
    absl::StatusOr<uint64_t> size = ParseSize(word.text);
    if (!size.ok()) return size.status();
    value.number = *size;
  }
  if (parameter.kind == Kind::kNumber) {
    if (!absl::SimpleAtoi(word.text, &value.number) || value.number < parameter.min ||
        value.number > parameter.max) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", word.text, "\" is not understood for ", name, ": a number from ",
                       parameter.min, " to ", parameter.max,
                       parameter.choices.empty() ? "" : " or " + Joined(parameter.choices)));
    }
  }
  return value;
}

// Follows the patterns of all commands as far as the words go.
class PatternWalk {
 public:
  PatternWalk(const std::vector<Command>& commands, const std::vector<Word>& words)
      : words_(words) {
    for (const Command& command : commands) possible_.push_back({&command, PatternWords(command)});
  }

  // The command whose whole pattern was found; its parameters begin at `at`.
  absl::StatusOr<Parsed> Walk(size_t& at) {
    for (at = 0;;) {
      const Suggestions literals = Literals(at);
      if (at < words_.size() && std::ranges::find(literals, words_[at].text) != literals.end()) {
        Keep(at, words_[at].text);
        ++at;
        continue;
      }
      if (at < words_.size() && HasValue(at)) {
        siblings_ = literals;
        if (absl::Status status = TakeValue(at); !status.ok()) return status;
        continue;
      }
      if (const Command* complete = Complete(at)) {
        Parsed parsed{complete, {}};
        for (const auto& [key, value] : values_) parsed.arguments.Add(key, value);
        return parsed;
      }
      return at < words_.size() ? NotUnderstood(at, literals) : Missing(at, literals);
    }
  }

  // Literal words that may stand at `at`.
  Suggestions Literals(size_t at) const {
    Suggestions words;
    for (const Candidate& candidate : possible_) {
      if (candidate.words.size() <= at || IsPlaceholder(candidate.words[at])) continue;
      if (std::ranges::find(words, candidate.words[at]) == words.end()) {
        words.push_back(candidate.words[at]);
      }
    }
    return words;
  }

 private:
  struct Candidate {
    const Command* command;
    std::vector<std::string_view> words;
  };

  bool HasValue(size_t at) const {
    return std::ranges::any_of(possible_, [at](const Candidate& candidate) {
      return candidate.words.size() > at && IsPlaceholder(candidate.words[at]);
    });
  }

  const Command* Complete(size_t at) const {
    const auto it =
        std::ranges::find(possible_, at, [](const Candidate& c) { return c.words.size(); });
    return it == possible_.end() ? nullptr : it->command;
  }

  void Keep(size_t at, std::string_view word) {
    std::erase_if(possible_, [&](const Candidate& candidate) {
      return candidate.words.size() <= at || candidate.words[at] != word;
    });
  }

  // All candidates with a value here agree on what it is called.
  absl::Status TakeValue(size_t& at) {
    const auto it = std::ranges::find_if(possible_, [at](const Candidate& candidate) {
      return candidate.words.size() > at && IsPlaceholder(candidate.words[at]);
    });
    const std::string_view placeholder = it->words[at];
    size_t next = at;
    absl::StatusOr<Arguments::Value> value =
        ReadValue(ValueOf(*it->command, placeholder), words_, next);
    if (!value.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(value.status().message(), Possible(words_[at].text, siblings_, siblings_)));
    }
    for (const auto& [key, earlier] : values_) {
      if (key == placeholder && earlier.text != value->text) {
        return absl::InvalidArgumentError(absl::StrCat(
            "\"", value->text, "\" is not \"", earlier.text, "\": ", Usage(*it->command),
            " wants the name said twice, alike, so that nothing goes by mistake"));
      }
    }
    values_.emplace_back(placeholder, *std::move(value));
    Keep(at, placeholder);
    // A path of several words is one word of the pattern.
    for (Candidate& candidate : possible_) {
      candidate.words.insert(candidate.words.begin() + static_cast<ptrdiff_t>(at), next - at - 1,
                             placeholder);
    }
    at = next;
    return absl::OkStatus();
  }

  absl::Status NotUnderstood(size_t at, const Suggestions& literals) const {
    return absl::InvalidArgumentError(absl::StrCat("\"", words_[at].text, "\" is not understood",
                                                   Possible(words_[at].text, literals, literals)));
  }

  absl::Status Missing(size_t at, const Suggestions& literals) const {
    if (at == 0) return absl::InvalidArgumentError("no command; see storpoolctl help");
    std::string text = absl::StrCat("after \"", words_[at - 1].text, "\" something is missing");
    const bool after_value = !siblings_.empty();
    Suggestions next = literals;
    for (const Candidate& candidate : possible_) {
      if (candidate.words.size() <= at || !IsPlaceholder(candidate.words[at])) continue;
      if (std::ranges::find(next, candidate.words[at]) == next.end()) {
        next.push_back(candidate.words[at]);
      }
    }
    absl::StrAppend(&text,
                    Possible(words_[at - 1].text, after_value ? siblings_ : Suggestions(), next));
    return absl::InvalidArgumentError(text);
  }

  const std::vector<Word>& words_;
  std::vector<Candidate> possible_;
  std::vector<std::pair<std::string_view, Arguments::Value>> values_;
  Suggestions siblings_;  // words that could have stood where the last value was read
};

absl::Status CheckRequired(const Command& command, const Arguments& arguments) {
  for (const Parameter& parameter : command.parameters) {
    if (!parameter.required || arguments.Has(parameter.word)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(command.pattern), " needs ", std::string(parameter.word), " ",
                     std::string(parameter.value), ": ", Usage(command)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Parsed> Parse(const std::vector<Command>& commands, const std::vector<Word>& words) {
  PatternWalk walk(commands, words);
  size_t at = 0;
  absl::StatusOr<Parsed> parsed = walk.Walk(at);
  if (!parsed.ok()) return parsed;
  const Command& command = *parsed->command;
  Suggestions known;
  for (const Parameter& parameter : command.parameters) known.push_back(parameter.word);
  const size_t first = at;
  while (at < words.size()) {
    const std::string& word = words[at].text;
    const auto parameter =
        std::ranges::find(command.parameters, std::string_view(word), &Parameter::word);
    if (parameter == command.parameters.end()) {
      Suggestions possible = known;
      // Before any parameter, a longer command may have been meant.
      if (at == first) {
        for (const std::string_view literal : walk.Literals(at)) possible.push_back(literal);
      }
      return absl::InvalidArgumentError(
          absl::StrCat("\"", word, "\" is not understood", Possible(word, possible, possible)));
    }
    if (parsed->arguments.Has(word) && !parameter->repeated) {
      return absl::InvalidArgumentError(absl::StrCat("\"", word, "\" is said twice"));
    }
    ++at;
    if (parameter->kind == Kind::kFlag) {
      parsed->arguments.Add(word, {});
      continue;
    }
    if (at == words.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "after \"", word, "\" a value is missing: ", word, " ", std::string(parameter->value)));
    }
    absl::StatusOr<Arguments::Value> value = ReadValue(*parameter, words, at);
    if (!value.ok()) return value.status();
    parsed->arguments.Add(parameter->word, *std::move(value));
  }
  if (absl::Status status = CheckRequired(command, parsed->arguments); !status.ok()) return status;
  return parsed;
}

}  // namespace storpool::cli
