#include "tests/sim/child_run.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::sim {
namespace {

void WriteAll(int fd, const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(fd, at, size);
    if (n <= 0) ::_exit(3);
    at += n;
    size -= static_cast<size_t>(n);
  }
}

[[noreturn]] void RunAndTell(const RunOptions& options, int fd, int error_fd) {
  ::dup2(error_fd, STDERR_FILENO);
  const RunReport report = Run(options);
  WriteAll(fd, &report.counts, sizeof report.counts);
  const char ok = report.status.ok() ? 1 : 0;
  WriteAll(fd, &ok, 1);
  const std::string error = report.status.ToString() + "\n" + report.details;
  WriteAll(fd, error.data(), error.size());
  ::_exit(0);
}

std::string ReadAll(int fd) {
  std::string all;
  std::array<char, 65536> piece;
  for (ssize_t n; (n = ::read(fd, piece.data(), piece.size())) > 0;) {
    all.append(piece.data(), static_cast<size_t>(n));
  }
  return all;
}

}  // namespace

ChildReport RunInChild(const RunOptions& options) {
  int out[2];
  SP_CHECK(::pipe(out) == 0);
  std::FILE* said = std::tmpfile();  // what it prints as it is stopped
  SP_CHECK(said != nullptr);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  SP_CHECK(child >= 0);
  if (child == 0) {
    ::close(out[0]);
    RunAndTell(options, out[1], options.verbose ? STDERR_FILENO : ::fileno(said));
  }
  ::close(out[1]);
  const std::string result = ReadAll(out[0]);
  ::close(out[0]);
  int status = 0;
  SP_CHECK(::waitpid(child, &status, 0) == child);
  std::rewind(said);
  const std::string text = ReadAll(::fileno(said));
  std::fclose(said);
  ChildReport report;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || result.size() <= sizeof report.counts) {
    report.error = absl::StrCat("the process was stopped: ", text);
    return report;
  }
  std::memcpy(&report.counts, result.data(), sizeof report.counts);
  report.ok = result[sizeof report.counts] != 0;
  const std::string rest = result.substr(sizeof report.counts + 1);
  const size_t line = rest.find('\n');
  report.error = rest.substr(0, line);
  report.details = rest.substr(line + 1);
  return report;
}

std::string ReplayCommand(const RunOptions& options) {
  return absl::StrCat("bazel run //tests/sim -- --seed=", options.seed,
                      options.faults ? "" : " --no-faults",
                      " --seconds=", options.load_time.millis() / 1000, " --verbose");
}

}  // namespace storpool::sim
