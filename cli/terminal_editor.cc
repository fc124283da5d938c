#include "cli/terminal_editor.h"

#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cwchar>

#include "absl/strings/strip.h"

namespace storpool::cli {
namespace {

constexpr int kHistoryLines = 1000;
constexpr size_t kListColumns = 76;

void Interrupted(int) {}

// SIGINT ends the line that is being written, not the program, while it is being read. It comes
// only within Wait: one that came just before the program sleeps would else be slept over.
class InterruptsEndTheLine {
 public:
  InterruptsEndTheLine() {
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &mask_before_);
    while_waiting_ = mask_before_;
    sigdelset(&while_waiting_, SIGINT);
    struct sigaction action = {};
    action.sa_handler = Interrupted;
    sigaction(SIGINT, &action, &before_);
  }
  ~InterruptsEndTheLine() {
    sigaction(SIGINT, &before_, nullptr);
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  InterruptsEndTheLine(const InterruptsEndTheLine&) = delete;
  InterruptsEndTheLine& operator=(const InterruptsEndTheLine&) = delete;

  // Until there is input. False, and EINTR, if interrupted.
  bool Wait() const {
    pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    return ppoll(&input, 1, nullptr, &while_waiting_) >= 0;
  }

 private:
  struct sigaction before_ = {};
  sigset_t mask_before_ = {};
  sigset_t while_waiting_ = {};
};

// What all have in common at their beginning.
std::string CommonBeginning(const std::vector<std::string>& words) {
  std::string common = words[0];
  for (const std::string& word : words) {
    const auto [end, other] = std::ranges::mismatch(common, word);
    common.erase(end, common.end());
  }
  return common;
}

void PrintInColumns(const std::vector<std::string>& words) {
  size_t width = 0;
  for (const std::string& word : words) width = std::max(width, word.size() + 2);
  const size_t columns = std::max<size_t>(1, kListColumns / width);
  std::printf("\n");
  for (size_t i = 0; i < words.size(); ++i) {
    const bool last = (i + 1) % columns == 0 || i + 1 == words.size();
    std::printf("%-*s%s", static_cast<int>(last ? 0 : width), words[i].c_str(), last ? "\n" : "");
  }
  std::fflush(stdout);
}

class TerminalEditor : public LineEditor {
 public:
  explicit TerminalEditor(std::string history_file)
      : history_file_(std::move(history_file)),
        editor_(el_init("storpoolctl", stdin, stdout, stderr), el_end),
        history_(history_init(), history_end) {
    HistEvent event;
    history(history_.get(), &event, H_SETSIZE, kHistoryLines);
    history(history_.get(), &event, H_SETUNIQUE, 1);
    if (!history_file_.empty()) history(history_.get(), &event, H_LOAD, history_file_.c_str());
    EditLine* const editor = editor_.get();
    el_set(editor, EL_CLIENTDATA, this);
    el_set(editor, EL_PROMPT, &TerminalEditor::Prompt);
    el_set(editor, EL_GETCFN, &TerminalEditor::ReadCharacter);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_HIST, history, history_.get());
    el_set(editor, EL_ADDFN, "complete-word", "Complete the word", &TerminalEditor::OnTab);
    el_set(editor, EL_BIND, "^I", "complete-word", nullptr);
    el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  }

  ~TerminalEditor() override {
    HistEvent event;
    if (!history_file_.empty()) history(history_.get(), &event, H_SAVE, history_file_.c_str());
  }

  std::optional<std::string> ReadLine(const std::string& prompt,
                                      const Complete& complete) override {
    prompt_ = prompt;
    complete_ = &complete;
    const InterruptsEndTheLine interrupts;
    interrupts_ = &interrupts;
    for (;;) {
      int bytes = 0;
      errno = 0;
      // Before the prompt: libedit itself does it after, and a ^D between the two would be lost.
      el_set(editor_.get(), EL_PREP_TERM, 1);
      const char* text = el_gets(editor_.get(), &bytes);
      if (text == nullptr && bytes < 0 && errno == EINTR) {
        std::printf("\n");
        el_reset(editor_.get());
        continue;
      }
      if (text == nullptr || bytes <= 0) {
        std::printf("\n");
        return std::nullopt;
      }
      std::string line(
          absl::StripSuffix(absl::string_view(text, static_cast<size_t>(bytes)), "\n"));
      HistEvent event;
      if (!line.empty()) history(history_.get(), &event, H_ENTER, line.c_str());
      return line;
    }
  }

 private:
  static TerminalEditor* Of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return static_cast<TerminalEditor*>(self);
  }

  static char* Prompt(EditLine* editor) { return Of(editor)->prompt_.data(); }

  static unsigned char OnTab(EditLine* editor, int) { return Of(editor)->CompleteWord(); }

  // As libedit's own, with Wait before each byte: 1, 0 at the end, -1 with errno.
  static int ReadCharacter(EditLine* editor, wchar_t* character) {
    std::mbstate_t state = {};
    for (;;) {
      if (!Of(editor)->interrupts_->Wait()) return -1;
      char byte = 0;
      const ssize_t bytes = read(STDIN_FILENO, &byte, 1);
      if (bytes <= 0) return static_cast<int>(bytes);
      const size_t used = std::mbrtowc(character, &byte, 1, &state);
      if (used <= 1) return 1;
      if (used == static_cast<size_t>(-1)) state = {};  // not a character: as if not typed
    }
  }

  unsigned char CompleteWord() {
    const LineInfo* const info = el_line(editor_.get());
    const std::string line(info->buffer, info->cursor);
    const std::vector<std::string> words = (*complete_)(line);
    if (words.empty()) return CC_REFRESH_BEEP;
    const size_t space = line.find_last_of(" \t");
    const size_t written = line.size() - (space == std::string::npos ? 0 : space + 1);
    std::string more = CommonBeginning(words).substr(written);
    const bool whole = words.size() == 1;
    if (whole && !words[0].ends_with('=')) more += ' ';
    if (!more.empty()) {
      return el_insertstr(editor_.get(), more.c_str()) == 0 ? CC_REFRESH : CC_REFRESH_BEEP;
    }
    PrintInColumns(words);
    return CC_REDISPLAY;
  }

  const std::string history_file_;
  const std::unique_ptr<EditLine, void (*)(EditLine*)> editor_;
  const std::unique_ptr<History, void (*)(History*)> history_;
  std::string prompt_;
  const Complete* complete_ = nullptr;
  const InterruptsEndTheLine* interrupts_ = nullptr;  // while a line is read
};

}  // namespace

std::unique_ptr<LineEditor> MakeTerminalEditor(const std::string& history) {
  return std::make_unique<TerminalEditor>(history);
}

}  // namespace storpool::cli
