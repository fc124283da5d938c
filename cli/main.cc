// storpoolctl: administers a cluster, in StorPool's words. docs/cli.md, storpoolctl(8).
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <utility>

#include "cli/run.h"
#include "cli/terminal_editor.h"
#include "lib/embed/settings.h"
#include "lib/env/posix/posix_entropy.h"

namespace {

constexpr int kAnswerBytesMax = 256 << 20;

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // metadata is near; a proxy is for elsewhere
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// What a terminal says, or 0 if `fd` is none.
size_t ColumnsOf(int fd) {
  if (isatty(fd) != 1) return 0;
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return storpool::cli::kTerminalColumns;
  return size.ws_col;
}

std::string HistoryPath() {
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : std::string(home) + "/.storpoolctl_history";
}

}  // namespace

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "");  // letters beyond ASCII, in the line editor
  signal(SIGXFSZ, SIG_IGN);      // a file that may not grow is an error of that file
  absl::StatusOr<storpool::embed::Settings> settings = storpool::embed::LoadSettings(
      std::string(storpool::embed::kSettingsPath), storpool::embed::HostName());
  if (!settings.ok()) {
    std::cerr << "Error: invalidParam: " << settings.status().message() << "\n";
    return storpool::cli::kUsage;
  }
  storpool::embed::AddEnvironment(environ, *settings);
  storpool::env::PosixEntropy entropy;
  storpool::cli::World world{
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .in_is_terminal = isatty(STDIN_FILENO) == 1,
      .out_is_terminal = isatty(STDOUT_FILENO) == 1,
      .err_is_terminal = isatty(STDERR_FILENO) == 1,
      .columns = ColumnsOf(STDOUT_FILENO),
      .settings = *std::move(settings),
      .entropy = entropy,
      .connect = Connect,
      .now_seconds = [] { return static_cast<int64_t>(std::time(nullptr)); },
      .sleep = [](int64_t seconds) { sleep(static_cast<unsigned>(seconds)); },
      .open_editor = [] { return storpool::cli::MakeTerminalEditor(HistoryPath()); },
  };
  return storpool::cli::Run({argv + 1, argv + argc}, world);
}
