#include "tests/bench/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace storpool::bench {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Between fork and exec only what is safe in a process that had threads.
absl::StatusOr<pid_t> Spawn(const Command& command, int out, int err) {
  std::vector<std::string> words = command.words;
  std::vector<std::string> environment = command.environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!absl::StartsWith(*entry, "LD_PRELOAD=")) environment.push_back(*entry);
  }
  const std::vector<char*> argv = Pointers(words), envp = Pointers(environment);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "fork");
  if (pid > 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the bench ended meanwhile
  sigset_t none;  // what the bench blocks
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execve(argv[0], argv.data(), envp.data());
  _exit(127);
}

}  // namespace

absl::StatusOr<Child> Child::Start(const Command& command, const std::string& log) {
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", log));
  const absl::StatusOr<pid_t> pid = Spawn(command, fd, fd);
  close(fd);
  if (!pid.ok()) return pid.status();
  return Child(*pid, log);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), log_(std::move(other.log_)) {}

Child::~Child() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Child::Running() {
  if (pid_ < 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  pid_ = -1;
  return false;
}

absl::Status Child::Stop() {
  if (!Running()) return absl::InternalError(absl::StrCat("it had ended:\n", TailOf(log_)));
  int status = 0;
  kill(pid_, SIGTERM);
  waitpid(std::exchange(pid_, -1), &status, 0);
  if (status == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("it ended with an error:\n", TailOf(log_)));
}

absl::StatusOr<std::string> RunToEnd(const Command& command) {
  char log[] = "/tmp/storpool-bench.XXXXXX";
  const int err = mkostemp(log, O_CLOEXEC);
  int pipe_ends[2];
  if (err < 0 || pipe2(pipe_ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const absl::StatusOr<pid_t> pid = Spawn(command, pipe_ends[1], err);
  close(pipe_ends[1]);
  close(err);
  std::string text;
  char piece[4096];
  for (ssize_t got; pid.ok() && (got = read(pipe_ends[0], piece, sizeof piece)) > 0;) {
    text.append(piece, static_cast<size_t>(got));
  }
  close(pipe_ends[0]);
  int status = 0;
  if (pid.ok()) waitpid(*pid, &status, 0);
  const std::string said = TailOf(log);
  unlink(log);
  if (!pid.ok()) return pid.status();
  if (status == 0) return text;
  std::string line;
  for (const std::string& word : command.words) absl::StrAppend(&line, word, " ");
  return absl::InternalError(absl::StrCat(line, "failed: ", said));
}

absl::StatusOr<std::string> ProgramPath(const std::string& name) {
  // This program is tests/bench/cluster_bench of the build's output folder.
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::filesystem::path path = self.parent_path().parent_path().parent_path() / name;
  if (std::filesystem::exists(path)) return path.string();
  return absl::NotFoundError(
      absl::StrCat(path.string(), " is not there; build it with this bench"));
}

std::string TailOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  constexpr size_t kMax = 2000;
  const std::string all = text.str();
  return all.size() <= kMax ? all : all.substr(all.size() - kMax);
}

}  // namespace storpool::bench
