#include "lib/embed/program.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/env/posix/file_log.h"

namespace storpool::embed {
namespace {

TEST(TakeId, IsANumberInItsRange) {
  EXPECT_EQ(TakeId("0", 0, 63).value(), 0);
  EXPECT_EQ(TakeId("4095", 1, 4095).value(), 4095);
  for (const char* text : {"64", "-1", "seven", "99999999999", "1.5"}) {
    const std::string why(TakeId(text, 0, 63).status().message());
    EXPECT_EQ(why.find(std::string("--id=") + text + " is not in 0..63"), 0u) << why;
  }
}

TEST(TakeId, ThatIsMissingIsAskedFor) {
  EXPECT_EQ(TakeId("", 1, 4095).status().message(),
            "give --id, or SP_OURID in /etc/storpool.conf: 1..4095");
}

TEST(CheckGiven, NamesTheFlag) {
  EXPECT_TRUE(CheckGiven("x", "--cluster=FILE").ok());
  EXPECT_EQ(CheckGiven("", "--cluster=FILE").message(), "give --cluster=FILE");
}

TEST(Split, AddressesAtCommasAndBlanksPathsAtCommas) {
  const std::vector<std::string> addresses = {"a:1", "b:2", "c:3"};
  EXPECT_EQ(SplitAddresses(" a:1,b:2 , c:3"), addresses);
  EXPECT_EQ(SplitAddresses("a:1 b:2\tc:3,"), addresses);
  EXPECT_TRUE(SplitAddresses(" , ").empty());
  EXPECT_EQ(SplitPaths("/dev/a, /dev/b,,/srv/my disk "),
            (std::vector<std::string>{"/dev/a", "/dev/b", "/srv/my disk"}));
}

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
