// storpoolctl: administers a cluster, in StorPool's words. docs/cli.md, storpoolctl(8).
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <iostream>

#include "cli/run.h"
#include "lib/env/posix/posix_entropy.h"

namespace {

constexpr int kAnswerBytesMax = 256 << 20;

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // metadata is near; a proxy is for elsewhere
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of that file
  const char* metadata = std::getenv("STORPOOL_METADATA");
  storpool::env::PosixEntropy entropy;
  storpool::cli::World world{
      .out = std::cout,
      .err = std::cerr,
      .err_is_terminal = isatty(STDERR_FILENO) == 1,
      .metadata = metadata == nullptr ? "" : metadata,
      .entropy = entropy,
      .connect = Connect,
      .now_seconds = [] { return static_cast<int64_t>(std::time(nullptr)); },
      .sleep = [](int64_t seconds) { sleep(static_cast<unsigned>(seconds)); },
  };
  return storpool::cli::Run({argv + 1, argv + argc}, world);
}
