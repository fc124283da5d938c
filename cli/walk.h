// Follows words through the table of commands: which commands they may still become, what was
// given, and what may stand next. The parser asks it for the command, completion for the next word.
//
// A word of the pattern goes before a value, a value that must be given before a parameter, a
// parameter before a value that may be left out. Parameters may stand anywhere behind the name of
// the object, so "volume db1 tag a=b snapshot" is "volume db1 snapshot tag a=b".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/parser.h"

namespace storpool::cli {

class Walk {
 public:
  // `commands` must outlive it and what it returns.
  explicit Walk(const std::vector<Command>& commands);

  // Takes all words, once. kInvalidArgument names the first that is not understood.
  absl::Status Take(const std::vector<Word>& words);
  // The command that they are. kInvalidArgument says what is missing.
  absl::StatusOr<Parsed> End() const;

  // What may stand next.
  struct Next {
    std::vector<std::string_view> words;  // literals and parameters
    // The value that belongs here, if one does: its name, what stands before it (the literal or
    // parameter), and the choices.
    std::string_view placeholder = {};
    std::string_view before = {};
    std::vector<std::string_view> choices = {};
    // What the same placeholder stood for already ("delete NAME").
    std::string same = {};
  };
  Next WhatIsNext() const;

 private:
  struct Candidate {
    const Command* command;
    std::vector<std::string_view> pattern;
  };

  absl::Status TakeOne(const std::vector<Word>& words, size_t& at);
  absl::Status TakeValue(const std::vector<Word>& words, size_t& at);
  absl::Status TakeParameter(const Parameter& parameter, const std::vector<Word>& words,
                             size_t& at);
  absl::Status NotUnderstood(const std::string& word) const;
  absl::Status Missing() const;

  // The words and, if that is not too much to read, the parameters.
  std::vector<std::string_view> Listed(const std::vector<std::string_view>& words) const;

  std::vector<std::string_view> Literals() const;
  std::vector<std::string_view> ParameterWords() const;
  const Parameter* FindParameter(std::string_view word) const;
  // The first candidate with a value at depth_; null if there is none.
  const Candidate* WithValue() const;
  // That it must be given here, before any parameter.
  bool MustBeGiven(std::string_view placeholder) const;
  bool IsComplete(const Candidate& candidate) const;
  void KeepPattern(std::string_view word);

  std::vector<Candidate> possible_;
  size_t depth_ = 0;  // elements of the pattern that were taken
  Arguments given_;
  std::vector<std::string_view> parameters_;  // that were given
  const Parameter* waiting_ = nullptr;        // its word was the last one, its value is missing
  std::string last_;                          // the last word that was taken
  std::string_view last_literal_;             // or parameter
  std::vector<std::string_view> siblings_;    // literals that could have stood for the last value
};

}  // namespace storpool::cli
