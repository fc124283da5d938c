#include "tests/bench/scratch_folder.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::bench {
namespace {

struct Standing {
  std::mutex mutex;
  std::set<std::string> paths;
};

Standing& Folders() {
  static auto* const folders = new Standing;  // outlives the thread that waits for signals
  return *folders;
}

// Daemons that still run may make a file in a folder that is being emptied: then once more.
void Remove(const std::string& path) {
  std::error_code error;
  for (int attempt = 0; attempt < 10; ++attempt) {
    std::filesystem::remove_all(path, error);
    if (!error) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::fprintf(stderr, "%s is left behind: %s\n", path.c_str(), error.message().c_str());
}

sigset_t Interrupts() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void RemoveFoldersWhenInterrupted() {
  const sigset_t interrupts = Interrupts();
  SP_CHECK(pthread_sigmask(SIG_BLOCK, &interrupts, nullptr) == 0);
  std::thread([interrupts] {
    int which = 0;
    sigwait(&interrupts, &which);
    Standing& folders = Folders();
    const std::lock_guard<std::mutex> hold(folders.mutex);
    for (const std::string& path : folders.paths) Remove(path);
    signal(which, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &interrupts, nullptr);
    raise(which);
  }).detach();
}

absl::StatusOr<std::unique_ptr<ScratchFolder>> ScratchFolder::Make(const std::string& path) {
  Standing& folders = Folders();
  const std::lock_guard<std::mutex> hold(folders.mutex);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.message()));
  folders.paths.insert(path);
  return std::unique_ptr<ScratchFolder>(new ScratchFolder(path));
}

ScratchFolder::~ScratchFolder() {
  Standing& folders = Folders();
  const std::lock_guard<std::mutex> hold(folders.mutex);
  Remove(path_);
  folders.paths.erase(path_);
}

}  // namespace storpool::bench
