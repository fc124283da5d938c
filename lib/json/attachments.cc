#include "lib/json/attachments.h"

namespace storpool::json {

Json JsonOf(const Attachment& attachment) {
  return {{"volume", attachment.volume_name()},
          {"snapshot", false},
          {"client", attachment.client()},
          {"rights", attachment.rights() == READ_ONLY ? "ro" : "rw"},
          {"pos", attachment.pos()},
          {"device", attachment.device()},
          {"ready", attachment.granted() && !attachment.device().empty()},
          {"detaching", attachment.detaching()}};
}

}  // namespace storpool::json
