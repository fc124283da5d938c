#include "cli/watch.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace storpool::cli {
namespace {

constexpr int64_t kPollSeconds = 1;
// How long work may take to begin: a node has returned, and its resync is not yet seen.
constexpr int kPollsUntilNotWell = 15;

}  // namespace

absl::StatusOr<Output> Watch(const std::function<absl::StatusOr<Output>()>& run, Session& session) {
  World& world = session.world;
  const Form form = session.options.form;
  const bool redraw = world.out_is_terminal && form == Form::kPeople;
  std::string shown;
  for (int idle_polls = 0;;) {
    absl::StatusOr<Output> output = run();
    if (!output.ok()) return output;
    idle_polls = output->work_goes_on ? 0 : idle_polls + 1;
    const bool over =
        !output->work_goes_on && (output->all_well || idle_polls >= kPollsUntilNotWell);
    std::string text = Rendered(*output, form, world.columns);
    if (redraw) {
      // Back to where the last one began, and clear from there.
      const auto lines = std::ranges::count(shown, '\n');
      if (lines > 0) world.out << absl::StrCat("\x1b[", lines, "A\r\x1b[J");
      world.out << text << std::flush;
      shown = text;
    } else if (form == Form::kPeople) {
      if (over) {
        world.out << text << std::flush;
      } else if (output->progress != shown) {
        shown = output->progress;
        world.out << shown << "\n" << std::flush;
      }
    } else if (text != shown) {
      world.out << text << std::flush;
      shown = text;
    }
    if (over || !world.out) return output;  // nobody sees any more of it
    world.sleep(kPollSeconds);
  }
}

}  // namespace storpool::cli
