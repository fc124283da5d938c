#include "tests/bench/bench_cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <future>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/embed/cluster_file.h"
#include "lib/env/posix/file_log.h"
#include "nlohmann/json.hpp"

namespace storpool::bench {
namespace {

constexpr int kNodes = 3;

int DiskOf(int node) { return 100 * node + 1; }

// A TCP port of loopback that is free, and that the kernel gives to nobody who asks for any: else
// another's connection could have it before the daemon that it is for.
absl::StatusOr<uint16_t> FreePort() {
  uint32_t first_of_kernel = 32768;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first_of_kernel;
  first_of_kernel = std::clamp(first_of_kernel, 4096u, 65535u);
  const uint32_t lowest = std::min(10000u, first_of_kernel - 2000);
  std::random_device random;
  for (int tries = 0; tries < 1000; ++tries) {
    const auto port = static_cast<uint16_t>(lowest + random() % (first_of_kernel - lowest));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* raw = reinterpret_cast<const sockaddr*>(&address);
    const bool good = fd >= 0 && bind(fd, raw, sizeof address) == 0;
    if (fd >= 0) close(fd);
    if (good) return port;
  }
  return absl::ResourceExhaustedError("no TCP port of loopback is free");
}

}  // namespace

absl::StatusOr<std::unique_ptr<BenchCluster>> BenchCluster::Start(const ClusterOptions& options) {
  std::unique_ptr<BenchCluster> cluster(new BenchCluster(options));
  const absl::Status started = cluster->StartAll();
  if (started.ok()) return cluster;
  const absl::Status ended = cluster->Check();  // says more
  return ended.ok()
             ? started
             : absl::Status(started.code(), absl::StrCat(started.message(), "\n", ended.message()));
}

BenchCluster::~BenchCluster() {
  client_.reset();
  daemons_.clear();
  if (a_disk_fd_ >= 0) close(a_disk_fd_);
}

absl::Status BenchCluster::StartAll() {
  absl::StatusOr<std::unique_ptr<ScratchFolder>> folder = ScratchFolder::Make(options_.folder);
  if (!folder.ok()) return folder.status();
  folder_ = *std::move(folder);
  for (const auto step : {&BenchCluster::MakeDisks, &BenchCluster::StartDaemons,
                          &BenchCluster::StartClient, &BenchCluster::MakeVolume}) {
    const absl::Status done = (this->*step)();
    if (!done.ok()) return done;
  }
  return absl::OkStatus();
}

std::string BenchCluster::DiskPath(int node) const {
  return absl::StrCat(options_.folder, "/disk", DiskOf(node));
}

absl::StatusOr<std::string> BenchCluster::Control(std::vector<std::string> words) const {
  words.insert(words.begin(), {storpoolctl_, absl::StrCat("--metadata=", metadata_address_)});
  return RunToEnd({std::move(words), {}});
}

// What the file holds stays.
absl::Status BenchCluster::TakeSpace(const std::string& path, uint64_t bytes) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, path);
  const int failed = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  close(fd);
  return failed == 0 ? absl::OkStatus() : absl::ErrnoToStatus(failed, "no space for " + path);
}

absl::Status BenchCluster::MakeDisks() {
  const absl::StatusOr<std::string> program = ProgramPath("cli/storpoolctl");
  if (!program.ok()) return program.status();
  storpoolctl_ = *program;
  const absl::StatusOr<uint16_t> port = FreePort();
  if (!port.ok()) return port.status();
  metadata_address_ = absl::StrCat("127.0.0.1:", *port);
  const auto made = Control({"metadata", "init", options_.folder + "/metadata"});
  if (!made.ok()) return made.status();
  for (int node = 1; node <= kNodes; ++node) {
    const auto disk =
        Control({"disk", "init", DiskPath(node), "id", absl::StrCat(DiskOf(node)), "size",
                 absl::StrCat(options_.disk_bytes >> 20, "M"), "cluster", ClusterFile()});
    if (!disk.ok()) return disk.status();
    if (options_.preallocate) {
      const absl::Status taken = TakeSpace(DiskPath(node), options_.disk_bytes);
      if (!taken.ok()) return taken;
    }
  }
  return absl::OkStatus();
}

absl::Status BenchCluster::StartDaemons() {
  const auto start = [this](const std::string& name, const std::string& program,
                            std::vector<std::string> words) {
    const absl::StatusOr<std::string> path = ProgramPath(program);
    if (!path.ok()) return path.status();
    words.insert(words.begin(), *path);
    auto child = Child::Start({std::move(words), options_.node_environment},
                              absl::StrCat(options_.folder, "/", name, ".log"));
    if (child.ok()) daemons_.emplace_back(name, *std::move(child));
    return child.status();
  };
  absl::Status started = start("metadata", "daemons/metadata/storpool_metadata",
                               {"--folder=" + options_.folder + "/metadata",
                                "--listen=" + metadata_address_, "--http=none"});
  for (int node = 1; node <= kNodes && started.ok(); ++node) {
    started = start(absl::StrCat("node", node), "daemons/node/storpool_node",
                    {absl::StrCat("--id=", node), "--cluster=" + ClusterFile(),
                     "--metadata=" + metadata_address_, "--disks=" + DiskPath(node)});
  }
  if (!started.ok()) return started;
  const absl::Status ready = WaitForServices(kNodes);
  a_disk_fd_ = open(DiskPath(1).c_str(), O_RDONLY | O_CLOEXEC);
  a_disk_ = absl::StrCat("/proc/", getpid(), "/fd/", a_disk_fd_);
  // The nodes hold their disks open: without a name they go with the nodes.
  for (int node = 1; node <= kNodes; ++node) unlink(DiskPath(node).c_str());
  return ready;
}

absl::Status BenchCluster::StartClient() {
  const auto cluster = embed::LoadClusterFile(ClusterFile());
  if (!cluster.ok()) return cluster.status();
  log_ = env::FileLog::ToStderr(env::LogLevel::kError);
  embed::ClientServerOptions options;
  options.id = ClientId(1);
  options.cluster = *cluster;
  options.metadata = {metadata_address_};
  options.nbd = "";
  options.log = log_.get();
  auto client = embed::ClientServer::Start(options);
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  return WaitForServices(kNodes + 1);
}

// A node is up a little before its disks are known.
bool BenchCluster::AllKnown(size_t services, absl::Status* last) const {
  const absl::StatusOr<std::string> list = Control({"-j", "service", "list"});
  const absl::StatusOr<std::string> disks = Control({"-j", "disk", "list"});
  *last = list.ok() ? disks.status() : list.status();
  if (!last->ok()) return false;
  size_t up = 0;
  const auto known = nlohmann::json::parse(*list);
  for (const auto& service : known["data"]) {
    if (service["kind"] != "metadata" && service["up"].get<bool>()) ++up;
  }
  return up >= services && nlohmann::json::parse(*disks)["data"].size() == kNodes;
}

absl::Status BenchCluster::WaitForServices(size_t count) {
  absl::Status last;
  for (int tries = 0; tries < 300; ++tries) {
    const absl::Status running = Check();
    if (!running.ok()) return running;
    if (AllKnown(count, &last)) return absl::OkStatus();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return absl::DeadlineExceededError(
      absl::StrCat("metadata does not know all services after 30 s; ", last.message()));
}

absl::Status BenchCluster::MakeVolume() {
  std::vector<std::string> group = {"placementGroup", "default", "create"};
  for (int node = 1; node <= kNodes; ++node) {
    group.insert(group.end(), {"addDisk", absl::StrCat(DiskOf(node))});
  }
  std::vector<std::vector<std::string>> commands = {
      group, {"template", "t", "create", "replication", absl::StrCat(options_.replicas)}};
  for (const std::string& volume : options_.volumes) {
    commands.push_back({"volume", volume, "create", "size",
                        absl::StrCat(options_.volume_bytes >> 20, "M"), "template", "t"});
    commands.push_back({"attach", "volume", volume, "client", "1"});
  }
  for (const auto& command : commands) {
    const auto done = Control(command);
    if (!done.ok()) return done.status();
  }
  return absl::OkStatus();
}

void BenchCluster::OnReactor(const std::function<void(block::BlockDevice&)>& fn) {
  // Shared: the reactor may still be inside set_value when this thread goes on.
  const auto done = std::make_shared<std::promise<void>>();
  client_->WithDevice(options_.volumes[0], [&fn, done](embed::ClientServer::Device device) {
    SP_CHECK(device != nullptr);  // attached, and nobody detaches it
    fn(*device);
    done->set_value();
  });
  done->get_future().wait();
}

absl::StatusOr<embed::ClientServer::Device> BenchCluster::Await(const std::string& name) {
  embed::ClientServer::Device found;
  const absl::Status status =
      client_->AwaitDevice(name, Duration::Seconds(30),
                           [&found](embed::ClientServer::Device device) { found = device; });
  if (!status.ok()) return status;
  return found;
}

void BenchCluster::Run(const std::function<void()>& fn) {
  client_->Run([&fn] { fn(); });
}

std::vector<pid_t> BenchCluster::metadata_and_nodes() const {
  std::vector<pid_t> pids;
  for (const auto& [name, child] : daemons_) pids.push_back(child.pid());
  return pids;
}

std::vector<pid_t> BenchCluster::nodes() const {
  const std::vector<pid_t> all = metadata_and_nodes();
  return {all.begin() + 1, all.end()};
}

absl::Status BenchCluster::Check() {
  for (auto& [name, child] : daemons_) {
    if (child.Running()) continue;
    return absl::InternalError(
        absl::StrCat(name, " ended:\n", TailOf(absl::StrCat(options_.folder, "/", name, ".log"))));
  }
  return absl::OkStatus();
}

}  // namespace storpool::bench
