#include "lib/api/admin.h"

#include <utility>

#include "lib/metadata/backup.h"

namespace storpool::api {

Admin::Admin(metadata::Leader& leader, const env::Clock& clock, Self self)
    : leader_(leader), clock_(clock), self_(std::move(self)) {}

void Admin::Change(metadata::Command command, Done<ChangeAnswer> done) {
  leader_.Propose(std::move(command),
                  [done = std::move(done)](absl::StatusOr<metadata::CommandResult> r) mutable {
                    if (!r.ok()) return done(r.status());
                    ChangeAnswer answer;
                    answer.set_generation(r->generation());
                    if (!r->changed()) answer.set_info("nothing changed: it was so already");
                    done(std::move(answer));
                  });
}

absl::Status Admin::Backup(const std::function<void(std::string_view piece)>& on_piece) const {
  return metadata::Backup(state().store(), on_piece);
}

}  // namespace storpool::api
