#include "lib/embed/node_server.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/embed/program.h"
#include "lib/embed/reactor_thread.h"
#include "lib/env/posix/posix_device.h"
#include "lib/env/posix/posix_entropy.h"
#include "lib/env/posix/posix_network.h"
#include "lib/env/posix/socket_address.h"
#include "lib/node/node.h"
#include "lib/rpc/control_link.h"

namespace storpool::embed {
namespace {

std::string ClassOf(const env::Device& device, const std::string& path) {
  if (!path.starts_with("/dev/")) return "file";
  return device.info().rotational ? "hdd" : path.find("nvme") != path.npos ? "nvme" : "ssd";
}

}  // namespace

class NodeServer::Impl {
 public:
  explicit Impl(const NodeServerOptions& options) : options_(options) {}

  ~Impl() {
    if (started_) {
      const absl::Status stopped = thread_.Await<absl::Status>(
          [this](absl::AnyInvocable<void(absl::Status)> done) { node_->Stop(std::move(done)); });
      if (!stopped.ok()) {
        options_.log->Log(env::LogLevel::kError, "node",
                          absl::StrCat("did not stop cleanly: ", stopped.message()));
      }
    }
    thread_.Run([this] {
      node_.reset();
      metadata_.reset();
      devices_.clear();
      network_.reset();
    });
  }

  absl::Status Start() {
    const absl::Status opened = thread_.Await<absl::Status>(
        [this](absl::AnyInvocable<void(absl::Status)> done) { done(MakeParts()); });
    SP_RETURN_IF_ERROR(opened);
    const absl::Status started = thread_.Await<absl::Status>(
        [this](absl::AnyInvocable<void(absl::Status)> done) { node_->Start(std::move(done)); });
    started_ = started.ok();
    if (started_) thread_.Run([this] { address_ = node_->address(); });
    return started;
  }
  const std::string& address() const { return address_; }

 private:
  absl::Status MakeParts() {
    env::PosixReactor& reactor = thread_.reactor();
    node::NodeOptions options{
        .id = options_.id,
        .name = options_.name,
        .cluster = options_.cluster.uuid,
        .secret = options_.cluster.secret,
        .fault_set = options_.fault_set,
        .version = std::string(kVersion),
        .listen_address = options_.listen,
        .advertised_address = "",
        .disks = {},
        .on_refused = options_.on_refused,
    };
    for (const std::string& path : options_.disks) {
      auto device = env::PosixDevice::Open(reactor, path);
      if (!device.ok()) return device.status();
      options.disks.push_back({device->get(), path, ClassOf(**device, path)});
      devices_.push_back(*std::move(device));
    }
    network_ = std::make_unique<env::PosixNetwork>(reactor);
    metadata_ = std::make_unique<rpc::ControlLink>(reactor, *options_.log, options_.metadata);
    node_ = std::make_unique<node::Node>(std::move(options), reactor, *network_, entropy_,
                                         *options_.log, *metadata_);
    return absl::OkStatus();
  }

  const NodeServerOptions options_;
  env::PosixEntropy entropy_;
  std::string address_;
  bool started_ = false;
  ReactorThread thread_;
  // On the reactor.
  std::unique_ptr<env::PosixNetwork> network_;
  std::vector<std::unique_ptr<env::PosixDevice>> devices_;
  std::unique_ptr<rpc::ControlLink> metadata_;
  std::unique_ptr<node::Node> node_;
};

NodeServer::NodeServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NodeServer::~NodeServer() = default;

absl::Status CheckListen(std::string_view address) {
  std::string taken(address);
  if (!address.starts_with(':')) {
    const absl::StatusOr<env::SocketAddress> parsed = env::SocketAddress::Parse(address);
    if (!parsed.ok()) return parsed.status();
    taken = parsed->ToString();
  }
  const bool any =
      taken.starts_with(':') || taken.starts_with("0.0.0.0:") || taken.starts_with("[::]:");
  if (!any) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a node cannot listen at ", std::string(address),
                   ": clients and other nodes are told where it listens; name the address of this "
                   "machine that they reach, such as --listen=10.0.0.2:7481"));
}

absl::StatusOr<std::unique_ptr<NodeServer>> NodeServer::Start(const NodeServerOptions& options) {
  SP_RETURN_IF_ERROR(CheckListen(options.listen));
  auto impl = std::make_unique<Impl>(options);
  SP_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<NodeServer>(new NodeServer(std::move(impl)));
}

const std::string& NodeServer::address() const { return impl_->address(); }

}  // namespace storpool::embed
