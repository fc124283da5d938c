// Serves volumes in memory over NBD on a free port of loopback, for trying out real clients:
// "vol" (256 MiB), "frozen" (read-only) and "broken" (every write fails). Prints its address, and
// stops in order when its standard input is closed.
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string>
#include <thread>

#include "lib/base/check.h"
#include "lib/block/checked_device.h"
#include "lib/block/fault_device.h"
#include "lib/block/limit_device.h"
#include "lib/block/memory_block_device.h"
#include "lib/env/log_sink.h"
#include "lib/env/posix/posix_network.h"
#include "lib/env/posix/posix_reactor.h"
#include "lib/frontends/nbd/server.h"

namespace storpool {
namespace {

class StderrLog final : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return true; }
  void Log(env::LogLevel, std::string_view component, std::string_view text) override {
    std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(component.size()), component.data(),
                 static_cast<int>(text.size()), text.data());
  }
};

class Directory final : public nbd::ExportDirectory {
 public:
  absl::StatusOr<block::BlockDevice*> Find(std::string_view name) override {
    const auto it = exports.find(std::string(name));
    if (it == exports.end()) return absl::NotFoundError("there is no such volume here");
    return it->second;
  }
  std::vector<std::string> List() override {
    std::vector<std::string> names;
    for (const auto& [name, device] : exports) names.push_back(name);
    return names;
  }

  std::map<std::string, block::BlockDevice*> exports;
};

void WaitForEndOfInput() {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

int Serve() {
  env::PosixReactor reactor;
  env::PosixNetwork network(reactor);
  StderrLog log;
  block::MemoryBlockDevice memory(reactor, {.size_bytes = 256 << 20});
  block::LimitDevice limits(reactor, memory, {});
  block::CheckedDevice volume(limits);
  block::MemoryBlockDevice frozen(reactor, {.size_bytes = 1 << 20, .read_only = true});
  block::FaultDevice broken(reactor, memory, [](const block::BlockIo& io) {
    return io.op == block::BlockOp::kWrite ? absl::DataLossError("told to fail") : absl::OkStatus();
  });
  Directory directory;
  directory.exports = {{"vol", &volume}, {"frozen", &frozen}, {"broken", &broken}};
  nbd::Server server(reactor, log, directory);
  const absl::Status status = server.Listen(network, "127.0.0.1:0");
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::printf("%s\n", server.address().c_str());
  std::fflush(stdout);
  std::thread waiter([&] {
    WaitForEndOfInput();
    reactor.Post([&] { server.Stop([&] { reactor.Stop(); }); });
  });
  reactor.Run();
  waiter.join();
  std::fprintf(stderr, "%llu requests on %llu connections\n",
               static_cast<unsigned long long>(server.counters().requests),
               static_cast<unsigned long long>(server.counters().connections));
  return server.counters().connections_open == 0 ? 0 : 1;
}

}  // namespace
}  // namespace storpool

int main() { return storpool::Serve(); }
