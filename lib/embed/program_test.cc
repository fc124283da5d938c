#include "lib/embed/program.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env/posix/file_log.h"

namespace storpool::embed {
namespace {

// What a daemon does whose log goes to a pipe, once nobody reads that any more.
[[noreturn]] void LogToNobody() {
  int ends[2];
  if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) _exit(2);
  Ending ending;
  close(ends[0]);
  env::FileLog::ToStderr(env::LogLevel::kInfo)->Log(env::LogLevel::kInfo, "daemon", "still here");
  ending.Fail("and it says why it ends");
  _exit(ending.Wait() == 1 ? 42 : 3);
}

TEST(Ending, ALogThatNobodyReadsEndsNoDaemon) {
  const pid_t child = fork();
  if (child == 0) LogToNobody();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 42);
}

}  // namespace
}  // namespace storpool::embed
