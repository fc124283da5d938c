// Other programs: daemons that run beside the bench, commands that run to their end.
//
// Invariant: no child outlives the bench; the kernel kills it when the bench ends, however it ends.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace storpool::bench {

struct Command {
  std::vector<std::string> words;        // the program's path and its arguments
  std::vector<std::string> environment;  // "NAME=value", beside the bench's own without LD_PRELOAD
};

class Child {
 public:
  // Standard output and standard error go to the end of `log`.
  static absl::StatusOr<Child> Start(const Command& command, const std::string& log);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  // SIGKILL if it still runs.
  ~Child();

  pid_t pid() const { return pid_; }
  // False once it has ended; the log says why.
  bool Running();
  // SIGTERM, then waits. kInternal unless it ended with 0.
  absl::Status Stop();

 private:
  Child(pid_t pid, std::string log) : pid_(pid), log_(std::move(log)) {}
  pid_t pid_;
  std::string log_;
};

// Runs a command and returns what it printed on standard output. kInternal with the last it said on
// standard error if it did not end with 0.
absl::StatusOr<std::string> RunToEnd(const Command& command);

// A program of the same build: "daemons/node/storpool_node". kNotFound names where it should be.
absl::StatusOr<std::string> ProgramPath(const std::string& name);

// The end of a text file, for errors.
std::string TailOf(const std::string& path);

}  // namespace storpool::bench
