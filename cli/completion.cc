#include "cli/completion.h"

#include <algorithm>
#include <array>
#include <optional>

#include "cli/options.h"
#include "cli/walk.h"

namespace storpool::cli {
namespace {

constexpr std::string_view kHelp = "help";

// Which names stand behind a word. The name of what is to be made is nobody's yet.
std::optional<Names> NamesBehind(std::string_view before, std::string_view placeholder) {
  struct Rule {
    std::string_view before;
    std::string_view placeholder;
    Names names;
  };
  static constexpr std::array<Rule, 17> kRules = {{
      {"volume", "NAME", Names::kVolumes},
      {"groupSnapshot", "VOLUME", Names::kVolumes},
      {"baseOn", "VOLUME", Names::kVolumes},
      {"snapshot", "NAME", Names::kSnapshots},
      {"parent", "SNAPSHOT", Names::kSnapshots},
      {"revert", "SNAPSHOT", Names::kSnapshots},
      {"template", "NAME", Names::kTemplates},
      {"template", "TEMPLATE", Names::kTemplates},
      {"placementGroup", "NAME", Names::kPlacementGroups},
      {"placeAll", "GROUP", Names::kPlacementGroups},
      {"placeHead", "GROUP", Names::kPlacementGroups},
      {"placeTail", "GROUP", Names::kPlacementGroups},
      {"disk", "ID", Names::kDisks},
      {"addDisk", "ID", Names::kDisks},
      {"rmDisk", "ID", Names::kDisks},
      {"client", "ID", Names::kClients},
      {"client", "ID|all", Names::kClients},
  }};
  for (const Rule& rule : kRules) {
    if (rule.before == before && rule.placeholder == placeholder) return rule.names;
  }
  return std::nullopt;
}

// "--metadata=HOST:PORT": what of an option is written as it stands.
std::string OptionWord(std::string_view option) {
  const size_t end = option.find_first_of("= ");
  return std::string(option.substr(0, end)) +
         (end != std::string_view::npos && option[end] == '=' ? "=" : "");
}

std::vector<std::string> Possible(const std::vector<Command>& commands,
                                  const std::vector<Word>& words, const NameSource& names) {
  Walk walk(commands);
  if (!walk.Take(words).ok()) return {};
  const Walk::Next next = walk.WhatIsNext();
  std::vector<std::string> all(next.words.begin(), next.words.end());
  all.insert(all.end(), next.choices.begin(), next.choices.end());
  if (!next.same.empty()) {
    all.push_back(next.same);
  } else if (const auto kind = NamesBehind(next.before, next.placeholder)) {
    const std::vector<std::string> known = names(*kind);
    all.insert(all.end(), known.begin(), known.end());
  }
  return all;
}

}  // namespace

std::vector<std::string> Completions(const std::vector<Command>& commands,
                                     const std::vector<Word>& words, const std::string& partial,
                                     const NameSource& names) {
  std::vector<std::string> all;
  const bool asks_help = !words.empty() && words[0].text == kHelp;
  if (partial.starts_with('-')) {
    for (const OptionText& option : OptionTexts()) all.push_back(OptionWord(option.option));
  } else {
    all = Possible(commands, {words.begin() + (asks_help ? 1 : 0), words.end()}, names);
    if (words.empty()) all.emplace_back(kHelp);
  }
  std::erase_if(all, [&](const std::string& word) { return !word.starts_with(partial); });
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace storpool::cli
