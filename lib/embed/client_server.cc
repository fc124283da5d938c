#include "lib/embed/client_server.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/block/switch_device.h"
#include "lib/client/client.h"
#include "lib/client/link_channels.h"
#include "lib/embed/program.h"
#include "lib/embed/reactor_thread.h"
#include "lib/env/posix/posix_entropy.h"
#include "lib/env/posix/posix_network.h"
#include "lib/frontends/nbd/server.h"
#include "lib/rpc/control_link.h"

namespace storpool::embed {
namespace {

// Functions that wait for something about a client. Reactor thread only.
class Waiters {
 public:
  // Gives what is waited for, or nothing yet.
  using Look = absl::AnyInvocable<std::optional<absl::Status>()>;
  using Done = absl::AnyInvocable<void(absl::Status)>;
  explicit Waiters(env::Reactor& reactor)
      : reactor_(reactor), timer_(reactor, [this] { Check(); }) {}

  // `late` is said after `timeout`; negative: never.
  void Add(Duration timeout, Look look, absl::AnyInvocable<std::string()> late, Done done) {
    const Instant end = timeout < Duration() ? Instant::Max() : reactor_.Now() + timeout;
    list_.push_back({end, std::move(look), std::move(late), std::move(done)});
    Check();
  }
  // Something has changed.
  void Check() {
    Instant next = Instant::Max();
    for (Waiter& waiter : list_) {
      std::optional<absl::Status> result = waiter.look();
      if (!result.has_value() && reactor_.Now() >= waiter.end) {
        result = absl::DeadlineExceededError(waiter.late());
      }
      if (!result.has_value()) {
        next = std::min(next, waiter.end);
        continue;
      }
      waiter.done(*std::move(result));
      waiter.done = nullptr;
    }
    std::erase_if(list_, [](const Waiter& waiter) { return waiter.done == nullptr; });
    if (next < Instant::Max()) timer_.StartAt(next);
  }

 private:
  struct Waiter {
    Instant end;
    Look look;
    absl::AnyInvocable<std::string()> late;
    Done done;
  };
  env::Reactor& reactor_;
  env::Timer timer_;
  std::vector<Waiter> list_;
};

// What the volumes of one client are to front ends: a device for each name, which stays while
// sessions of NBD, or holders in this process, still use it. Reactor thread only.
class Exports final : public client::ClientEvents, public nbd::ExportDirectory {
 public:
  Exports(const ClientServerOptions& options, env::PosixReactor& reactor)
      : options_(options),
        reactor_(reactor),
        server_(reactor, *options.log, *this),
        waiters_(reactor) {}

  nbd::Server& server() { return server_; }
  // By name, or "~" and the global id.
  ClientServer::Device FindDevice(std::string_view name) {
    auto it = devices_.find(name);
    if (it == devices_.end() && name.starts_with('~')) {
      it = std::find_if(devices_.begin(), devices_.end(), [&](const auto& exported) {
        return exported.second.global_id == name.substr(1);
      });
    }
    return it == devices_.end() || it->second.leaving ? nullptr : it->second.device;
  }
  void AwaitRegistered(Duration timeout, Waiters::Done done) {
    auto look = [this]() -> std::optional<absl::Status> {
      if (registered_) return absl::OkStatus();
      if (refused_finally_) return absl::PermissionDeniedError(refusal_);
      return std::nullopt;
    };
    auto late = [this] {
      return absl::StrCat(
          "metadata at ", absl::StrJoin(options_.metadata, ", "),
          refusal_.empty() ? " has not answered client " : " has not yet taken in client ",
          options_.id.value(), refusal_.empty() ? "" : ": ", refusal_);
    };
    waiters_.Add(timeout, std::move(look), std::move(late), std::move(done));
  }
  void AwaitDevice(const std::string& name, Duration timeout, Waiters::Done done) {
    auto look = [this, name]() -> std::optional<absl::Status> {
      if (FindDevice(name) != nullptr) return absl::OkStatus();
      return std::nullopt;
    };
    auto late = [this, name] {
      return absl::StrCat("volume ", name, " is not there yet on client ", options_.id.value(),
                          "; see volume status");
    };
    waiters_.Add(timeout, std::move(look), std::move(late), std::move(done));
  }

  // nbd::ExportDirectory
  absl::StatusOr<block::BlockDevice*> Find(std::string_view name) override {
    if (ClientServer::Device device = FindDevice(name)) return device.get();
    return absl::NotFoundError(absl::StrCat("volume ", std::string(name),
                                            " is not attached to client ", options_.id.value()));
  }
  std::vector<std::string> List() override {
    std::vector<std::string> names;
    for (const auto& [name, exported] : devices_) {
      if (!exported.leaving) names.push_back(name);
    }
    return names;
  }

  // client::ClientEvents
  void OnRegistered() override {
    registered_ = true;
    refusal_.clear();
    waiters_.Check();
  }
  std::string OnAttached(client::Volume& volume, block::BlockDevice& limited) override {
    Exported& exported = devices_[volume.name()];
    exported.global_id = volume.global_id();
    auto& device = exported.device;
    if (device == nullptr) {
      device = std::make_shared<block::SwitchDevice>(reactor_, reactor_.pool());
    }
    device->SetBacking(&limited);
    options_.log->Log(env::LogLevel::kInfo, "client", absl::StrCat("attached ", volume.name()));
    waiters_.Check();
    if (server_.address().empty()) return absl::StrCat("client ", options_.id.value());
    return absl::StrCat("nbd://", server_.address(), "/", volume.name());
  }
  absl::Status OnDetach(client::Volume& volume) override {
    Exported& exported = devices_[volume.name()];
    std::vector<std::string> holders = server_.ClientsOf(volume.name());
    if (exported.device.use_count() > 1) holders.push_back("the program of this client");
    if (holders.empty()) {
      exported.leaving = true;
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(
        absl::StrCat("volume ", volume.name(), " is open at client ", options_.id.value(), ": by ",
                     absl::StrJoin(holders, ", "), "; end that, or detach it with force"));
  }
  void OnGone(client::Volume& volume, const absl::Status& reason) override {
    const auto it = devices_.find(volume.name());
    if (it == devices_.end()) return;
    options_.log->Log(env::LogLevel::kInfo, "client",
                      absl::StrCat("detached ", volume.name(), ": ", reason.message()));
    // Connections that have it open get errors until they are closed; then it can go.
    std::shared_ptr<block::SwitchDevice> device = std::move(it->second.device);
    devices_.erase(it);
    device->End(reason.ok() ? absl::CancelledError("detached") : reason);
    server_.CloseExport(volume.name(), [device] {});
  }
  void OnRefused(std::string_view reason, bool final) override {
    if (refusal_ != reason) {
      options_.log->Log(env::LogLevel::kError, "client",
                        absl::StrCat("metadata refuses client ", options_.id.value(), ": ",
                                     std::string(reason), final ? "" : "; it is asked again"));
    }
    refusal_ = reason;
    refused_finally_ = final;
    waiters_.Check();
    if (final && options_.on_refused) options_.on_refused(reason);
  }

 private:
  struct Exported {
    std::shared_ptr<block::SwitchDevice> device;
    std::string global_id;
    bool leaving = false;  // its detach goes on: nothing new is started
  };
  const ClientServerOptions& options_;
  env::PosixReactor& reactor_;
  nbd::Server server_;
  Waiters waiters_;
  std::map<std::string, Exported, std::less<>> devices_;
  bool registered_ = false;
  std::string refusal_;  // the last one
  bool refused_finally_ = false;
};

}  // namespace

class ClientServer::Impl {
 public:
  explicit Impl(const ClientServerOptions& options) : options_(options) {}
  ~Impl() { Stop(); }

  absl::Status Start() {
    return thread_.Await<absl::Status>(
        [this](absl::AnyInvocable<void(absl::Status)> done) { done(StartOnReactor()); });
  }
  const std::string& nbd_address() const { return nbd_address_; }

  // Runs fn(device, done) on the reactor and waits for done.
  absl::Status Await(
      const std::string& name,
      absl::AnyInvocable<void(block::BlockDevice&, absl::AnyInvocable<void(absl::Status)>)> fn) {
    return thread_.Await<absl::Status>([&](absl::AnyInvocable<void(absl::Status)> done) {
      absl::StatusOr<block::BlockDevice*> device = exports_->Find(name);
      if (!device.ok()) return done(device.status());
      fn(**device, std::move(done));
    });
  }
  env::Reactor& reactor() { return thread_.reactor(); }
  void Run(absl::AnyInvocable<void()> fn) { thread_.Run(std::move(fn)); }
  void Post(absl::AnyInvocable<void(Exports&)> fn) {
    reactor().Post([this, fn = std::move(fn)]() mutable { fn(*exports_); });
  }
  // Runs fn(exports, done) on the reactor and waits for done.
  absl::Status AwaitExports(absl::AnyInvocable<void(Exports&, Waiters::Done)> fn) {
    return thread_.Await<absl::Status>([&](Waiters::Done done) { fn(*exports_, std::move(done)); });
  }

 private:
  absl::Status StartOnReactor() {
    env::PosixReactor& reactor = thread_.reactor();
    network_ = std::make_unique<env::PosixNetwork>(reactor);
    exports_ = std::make_unique<Exports>(options_, reactor);
    if (!options_.nbd.empty()) {
      SP_RETURN_IF_ERROR(exports_->server().Listen(*network_, options_.nbd));
      nbd_address_ = exports_->server().address();
    }
    wire::Hello self;
    self.cluster = options_.cluster.uuid;
    self.is_client = true;
    self.client = options_.id;
    self.process = Incarnation(entropy_.Next());
    local_ = std::make_unique<link::Local>(
        link::Local{reactor, reactor.pool(), entropy_, SecretKey(options_.cluster.secret), self});
    channels_ = std::make_unique<client::LinkChannels>(*local_, *network_);
    metadata_ = std::make_unique<rpc::ControlLink>(reactor, *options_.log, options_.metadata);
    const client::ClientOptions options{
        .id = options_.id,
        .name =
            options_.name.empty() ? absl::StrCat("client ", options_.id.value()) : options_.name,
        .cluster = options_.cluster.uuid,
        .secret = options_.cluster.secret,
        .nbd_address = nbd_address_,
        .version = std::string(kVersion),
    };
    client_ =
        std::make_unique<client::Client>(options, reactor, *channels_, entropy_, *options_.log,
                                         reactor.pool(), *metadata_, *exports_);
    client_->Start();
    return absl::OkStatus();
  }

  void Stop() {
    if (exports_ != nullptr) {
      thread_.Await<bool>([this](absl::AnyInvocable<void(bool)> done) {
        exports_->server().Stop([done = std::move(done)]() mutable { done(true); });
      });
    }
    thread_.Run([this] {
      client_.reset();
      metadata_.reset();
      channels_.reset();
      exports_.reset();
      local_.reset();
      network_.reset();
    });
  }

  const ClientServerOptions options_;
  env::PosixEntropy entropy_;
  std::string nbd_address_;
  ReactorThread thread_;
  // On the reactor.
  std::unique_ptr<env::PosixNetwork> network_;
  std::unique_ptr<link::Local> local_;
  std::unique_ptr<Exports> exports_;
  std::unique_ptr<client::LinkChannels> channels_;
  std::unique_ptr<rpc::ControlLink> metadata_;
  std::unique_ptr<client::Client> client_;
};

ClientServer::ClientServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ClientServer::~ClientServer() = default;

absl::StatusOr<std::unique_ptr<ClientServer>> ClientServer::Start(
    const ClientServerOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  SP_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<ClientServer>(new ClientServer(std::move(impl)));
}

const std::string& ClientServer::nbd_address() const { return impl_->nbd_address(); }

void ClientServer::Post(absl::AnyInvocable<void()> fn) { impl_->reactor().Post(std::move(fn)); }

void ClientServer::Run(absl::AnyInvocable<void()> fn) { impl_->Run(std::move(fn)); }

void ClientServer::WithDevice(const std::string& name, absl::AnyInvocable<void(Device device)> fn) {
  impl_->Post(
      [name, fn = std::move(fn)](Exports& exports) mutable { fn(exports.FindDevice(name)); });
}

absl::Status ClientServer::AwaitRegistered(Duration timeout) {
  return impl_->AwaitExports([timeout](Exports& exports, Waiters::Done done) {
    exports.AwaitRegistered(timeout, std::move(done));
  });
}

absl::Status ClientServer::AwaitDevice(const std::string& name, Duration timeout,
                                       absl::AnyInvocable<void(Device device)> fn) {
  return impl_->AwaitExports([&](Exports& exports, Waiters::Done done) {
    exports.AwaitDevice(name, timeout,
                        [&, done = std::move(done)](const absl::Status& status) mutable {
                          if (status.ok()) fn(exports.FindDevice(name));
                          done(status);
                        });
  });
}

// ---- Synchronous volumes ------------------------------------------------------------------------

namespace {

// Deletes itself when it is done.
class OneIo final : public block::BlockIo {
 public:
  explicit OneIo(absl::AnyInvocable<void(absl::Status)> done) : done_(std::move(done)) {}
  void OnDone(const absl::Status& status) override {
    auto done = std::move(done_);
    delete this;
    done(status);
  }

 private:
  absl::AnyInvocable<void(absl::Status)> done_;
};

}  // namespace

struct ClientServer::Volume::Shared {
  // Any thread. kNotFound once the volume is not attached here any more.
  absl::Status LookUpSize() {
    return client.Await(
        name, [this](block::BlockDevice& device, absl::AnyInvocable<void(absl::Status)> done) {
          size_bytes.store(device.info().size_bytes);
          done(absl::OkStatus());
        });
  }

  Impl& client;
  std::string name;
  std::atomic<uint64_t> size_bytes = 0;  // when it was last asked for
};

absl::StatusOr<ClientServer::Volume> ClientServer::Open(const std::string& name) {
  auto shared = std::make_shared<Volume::Shared>(*impl_, name);
  SP_RETURN_IF_ERROR(shared->LookUpSize());
  return Volume(std::move(shared));
}

uint64_t ClientServer::Volume::size_bytes() const {
  shared_->LookUpSize().IgnoreError();
  return shared_->size_bytes.load();
}

absl::Status ClientServer::Volume::Read(uint64_t offset_bytes, std::span<uint8_t> target) {
  return shared_->client.Await(
      shared_->name, [=](block::BlockDevice& device, absl::AnyInvocable<void(absl::Status)> done) {
        auto* io = new OneIo(std::move(done));
        io->op = block::BlockOp::kRead;
        io->offset_bytes = offset_bytes;
        io->size_bytes = target.size();
        io->target = target;
        device.Start(io);
      });
}

absl::Status ClientServer::Volume::Write(uint64_t offset_bytes, std::span<const uint8_t> bytes) {
  return shared_->client.Await(
      shared_->name, [=](block::BlockDevice& device, absl::AnyInvocable<void(absl::Status)> done) {
        auto* io = new OneIo(std::move(done));
        io->op = block::BlockOp::kWrite;
        io->offset_bytes = offset_bytes;
        io->size_bytes = bytes.size();
        io->payload = device.pool().Copy(bytes);
        device.Start(io);
      });
}

absl::Status ClientServer::Volume::Trim(uint64_t offset_bytes, uint64_t size_bytes) {
  return shared_->client.Await(
      shared_->name, [=](block::BlockDevice& device, absl::AnyInvocable<void(absl::Status)> done) {
        auto* io = new OneIo(std::move(done));
        io->op = block::BlockOp::kTrim;
        io->offset_bytes = offset_bytes;
        io->size_bytes = size_bytes;
        device.Start(io);
      });
}

}  // namespace storpool::embed
