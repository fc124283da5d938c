#include "lib/env/posix/posix_entropy.h"

#include <sys/random.h>

#include <cerrno>

#include "lib/base/check.h"

namespace storpool::env {

void PosixEntropy::Fill(std::span<uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    SP_CHECK(got > 0 || errno == EINTR);
    if (got > 0) bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

}  // namespace storpool::env
