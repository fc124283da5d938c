// Counts what each thread takes from the heap, so that tests and benches can prove that the hot
// path takes nothing. Linking //lib/env/posix:allocation_counter replaces operator new of the
// whole program; nothing else has to be done.
#pragma once

#include <cstdint>

namespace storpool::env {

// Calls of operator new by this thread so far.
uint64_t AllocationsOfThisThread();

}  // namespace storpool::env
