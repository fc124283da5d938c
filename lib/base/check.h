// Assertions of invariants, kept in release builds: a broken invariant stops the process before
// it can corrupt anything. For errors of the environment use absl::Status instead.
#pragma once

namespace storpool {

// Prints the failed condition with its place to standard error and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace storpool

#define SP_CHECK(condition)                                             \
  do {                                                                  \
    if (__builtin_expect(!(condition), 0))                              \
      ::storpool::CheckFailed(#condition, __FILE__, __LINE__);          \
  } while (false)

// Returns the status of `expression` from the calling function unless it is OK.
#define SP_RETURN_IF_ERROR(expression)                                  \
  do {                                                                  \
    if (auto sp_status = (expression); !sp_status.ok()) return sp_status; \
  } while (false)
