// The words of a command line. StorPool's clients pass several words in one argument ("client 12"),
// so all arguments are split at spaces; a path keeps its spaces if it begins its argument.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace storpool::cli {

struct Word {
  std::string text;
  // If it begins its argument: the whole argument, and how many words that is. Else itself, 1.
  std::string argument;
  size_t words_of_argument = 1;
};

std::vector<Word> SplitWords(const std::vector<std::string>& arguments);

// The candidate that `word` was probably meant to be; empty if none is near.
std::string_view NearestWord(std::string_view word,
                             const std::vector<std::string_view>& candidates);

}  // namespace storpool::cli
