#include "cli/walk.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/help.h"
#include "cli/values.h"

namespace storpool::cli {
namespace {

using Suggestions = std::vector<std::string_view>;

void AddOnce(std::string_view word, Suggestions& words) {
  if (std::ranges::find(words, word) == words.end()) words.push_back(word);
}

Suggestions Both(Suggestions words, const Suggestions& more) {
  for (const std::string_view word : more) AddOnce(word, words);
  return words;
}

// A list that people read to its end.
constexpr size_t kListedMax = 10;

// What may follow: the rest of an error's text.
std::string Possible(const std::string& word, const Suggestions& near, const Suggestions& words) {
  std::string text;
  const std::string_view nearest = NearestWord(word, near);
  if (!nearest.empty()) absl::StrAppend(&text, "; did you mean \"", std::string(nearest), "\"?");
  if (words.empty()) return text;
  absl::StrAppend(&text, nearest.empty() ? "; p" : " P", "ossible here: ");
  for (size_t i = 0; i < words.size(); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", std::string(words[i]));
  }
  return text;
}

const Parameter* ParameterOf(const Command& command, std::string_view word) {
  const auto it = std::ranges::find(command.parameters, word, &Parameter::word);
  return it == command.parameters.end() ? nullptr : &*it;
}

}  // namespace

Walk::Walk(const std::vector<Command>& commands) {
  for (const Command& command : commands) possible_.push_back({&command, PatternWords(command)});
}

absl::Status Walk::Take(const std::vector<Word>& words) {
  for (size_t at = 0; at < words.size();) {
    if (absl::Status status = TakeOne(words, at); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Walk::TakeOne(const std::vector<Word>& words, size_t& at) {
  const std::string& word = words[at].text;
  const Suggestions literals = Literals();
  if (const auto literal = std::ranges::find(literals, std::string_view(word));
      literal != literals.end()) {
    last_literal_ = *literal;
    KeepPattern(word);
    last_ = word;
    ++at;
    return absl::OkStatus();
  }
  const Candidate* with_value = WithValue();
  if (with_value != nullptr && MustBeGiven(with_value->pattern[depth_])) {
    return TakeValue(words, at);
  }
  if (const Parameter* parameter = FindParameter(word)) return TakeParameter(*parameter, words, at);
  if (with_value != nullptr) return TakeValue(words, at);
  return NotUnderstood(word);
}

// All candidates with a value here agree on what it is.
absl::Status Walk::TakeValue(const std::vector<Word>& words, size_t& at) {
  const Candidate candidate = *WithValue();
  const std::string_view element = candidate.pattern[depth_];
  const std::string_view placeholder = PlaceholderName(element);
  siblings_ = Literals();
  last_ = words[at].text;
  absl::StatusOr<Arguments::Value> value =
      ReadValue(ValueOf(*candidate.command, placeholder), words, at);
  if (!value.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(value.status().message(), Possible(last_, siblings_, siblings_)));
  }
  if (!IsRepeated(element) && given_.Has(placeholder) && given_.Text(placeholder) != value->text) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", value->text, "\" is not \"", given_.Text(placeholder),
                     "\": ", Usage(*candidate.command),
                     " wants the name said twice, alike, so that nothing goes by mistake"));
  }
  given_.Add(placeholder, *std::move(value));
  if (!IsRepeated(element)) KeepPattern(element);
  return absl::OkStatus();
}

absl::Status Walk::TakeParameter(const Parameter& parameter, const std::vector<Word>& words,
                                 size_t& at) {
  const std::string& word = words[at].text;
  if (given_.Has(parameter.word) && !parameter.repeated) {
    return absl::InvalidArgumentError(absl::StrCat("\"", word, "\" is said twice"));
  }
  std::erase_if(possible_, [&](const Candidate& candidate) {
    return ParameterOf(*candidate.command, word) == nullptr;
  });
  AddOnce(parameter.word, parameters_);
  last_literal_ = parameter.word;
  last_ = word;
  ++at;
  if (parameter.kind == Kind::kFlag) {
    const bool chosen = at < words.size() && std::ranges::find(parameter.choices, words[at].text) !=
                                                 parameter.choices.end();
    given_.Add(parameter.word, {chosen ? words[at++].text : ""});
    return absl::OkStatus();
  }
  if (at == words.size()) {
    waiting_ = &parameter;
    return absl::OkStatus();
  }
  absl::StatusOr<Arguments::Value> value = ReadValue(parameter, words, at);
  if (!value.ok()) return value.status();
  last_ = words[at - 1].text;
  given_.Add(parameter.word, *std::move(value));
  return absl::OkStatus();
}

absl::StatusOr<Parsed> Walk::End() const {
  if (waiting_ != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "after \"", last_, "\" a value is missing: ", last_, " ", std::string(waiting_->value)));
  }
  const auto it = std::ranges::find_if(
      possible_, [this](const Candidate& candidate) { return IsComplete(candidate); });
  if (it == possible_.end()) return Missing();
  const Command& command = *it->command;
  if (command.wants_parameter && parameters_.empty()) return Missing();
  for (const Parameter& parameter : command.parameters) {
    if (!parameter.required || given_.Has(parameter.word)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(command.pattern), " needs ", std::string(parameter.word), " ",
                     std::string(parameter.value), ": ", Usage(command)));
  }
  return Parsed{&command, given_};
}

absl::Status Walk::NotUnderstood(const std::string& word) const {
  const Suggestions possible = Both(Literals(), ParameterWords());
  return absl::InvalidArgumentError(absl::StrCat("\"", word, "\" is not understood",
                                                 Possible(word, possible, Listed(Literals()))));
}

std::vector<std::string_view> Walk::Listed(const std::vector<std::string_view>& words) const {
  const Suggestions all = Both(words, ParameterWords());
  return all.size() <= kListedMax || words.empty() ? all : words;
}

absl::Status Walk::Missing() const {
  if (last_.empty()) return absl::InvalidArgumentError("no command; see storpoolctl help");
  Suggestions next = Literals();
  const Candidate* with_value = WithValue();
  const bool must = with_value != nullptr && MustBeGiven(with_value->pattern[depth_]);
  if (with_value != nullptr) AddOnce(PlaceholderName(with_value->pattern[depth_]), next);
  return absl::InvalidArgumentError(
      absl::StrCat("after \"", last_, "\" something is missing",
                   Possible(last_, siblings_, must ? next : Listed(next))));
}

Walk::Next Walk::WhatIsNext() const {
  Next next;
  next.before = last_literal_;
  if (waiting_ != nullptr) {
    next.placeholder = waiting_->value;
    next.choices = waiting_->choices;
    return next;
  }
  next.words = Literals();
  const Candidate* with_value = WithValue();
  if (with_value != nullptr) {
    next.placeholder = PlaceholderName(with_value->pattern[depth_]);
    next.choices = ValueOf(*with_value->command, next.placeholder).choices;
    if (!IsRepeated(with_value->pattern[depth_])) next.same = given_.Text(next.placeholder);
    if (MustBeGiven(with_value->pattern[depth_])) return next;
  }
  next.words = Both(next.words, ParameterWords());
  return next;
}

std::vector<std::string_view> Walk::Literals() const {
  Suggestions words;
  for (const Candidate& candidate : possible_) {
    if (candidate.pattern.size() <= depth_ || IsPlaceholder(candidate.pattern[depth_])) continue;
    AddOnce(candidate.pattern[depth_], words);
  }
  return words;
}

// Of candidates of which the object is named already; not those that were given.
std::vector<std::string_view> Walk::ParameterWords() const {
  Suggestions words;
  if (depth_ == 0) return words;
  for (const Candidate& candidate : possible_) {
    for (const Parameter& parameter : candidate.command->parameters) {
      if (FindParameter(parameter.word) == nullptr) continue;
      if (parameter.repeated || !given_.Has(parameter.word)) AddOnce(parameter.word, words);
    }
  }
  return words;
}

const Parameter* Walk::FindParameter(std::string_view word) const {
  for (const Candidate& candidate : possible_) {
    // Behind the name of the object, or behind the whole of a pattern without one.
    const auto named = std::ranges::find_if(candidate.pattern, IsPlaceholder);
    const size_t from = named == candidate.pattern.end() || IsOptional(*named) || IsRepeated(*named)
                            ? static_cast<size_t>(named - candidate.pattern.begin())
                            : static_cast<size_t>(named - candidate.pattern.begin()) + 1;
    if (depth_ < from) continue;
    if (const Parameter* parameter = ParameterOf(*candidate.command, word)) return parameter;
  }
  return nullptr;
}

const Walk::Candidate* Walk::WithValue() const {
  const auto it = std::ranges::find_if(possible_, [this](const Candidate& candidate) {
    return candidate.pattern.size() > depth_ && IsPlaceholder(candidate.pattern[depth_]);
  });
  return it == possible_.end() ? nullptr : &*it;
}

bool Walk::MustBeGiven(std::string_view placeholder) const {
  if (IsRepeated(placeholder)) return !given_.Has(PlaceholderName(placeholder));
  return !IsOptional(placeholder);
}

bool Walk::IsComplete(const Candidate& candidate) const {
  if (candidate.pattern.size() == depth_) return true;
  return candidate.pattern.size() == depth_ + 1 && IsPlaceholder(candidate.pattern[depth_]) &&
         !MustBeGiven(candidate.pattern[depth_]);
}

void Walk::KeepPattern(std::string_view word) {
  std::erase_if(possible_, [&](const Candidate& candidate) {
    return candidate.pattern.size() <= depth_ || candidate.pattern[depth_] != word;
  });
  ++depth_;
}

}  // namespace storpool::cli
