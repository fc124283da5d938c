#include "lib/embed/client_server.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "lib/client/client.h"
#include "lib/client/link_channels.h"
#include "lib/embed/exports.h"
#include "lib/embed/program.h"
#include "lib/embed/reactor_thread.h"
#include "lib/env/posix/posix_entropy.h"
#include "lib/env/posix/posix_network.h"
#include "lib/rpc/control_link.h"

namespace storpool::embed {

class ClientServer::Impl {
 public:
  explicit Impl(const ClientServerOptions& options) : options_(options) {}
  ~Impl() { Stop(); }

  absl::Status Start() {
    return thread_.Await<absl::Status>(
        [this](absl::AnyInvocable<void(absl::Status)> done) { done(StartOnReactor()); });
  }
  const std::string& nbd_address() const { return nbd_address_; }

  env::Reactor& reactor() { return thread_.reactor(); }
  void Run(absl::AnyInvocable<void()> fn) { thread_.Run(std::move(fn)); }
  void Post(absl::AnyInvocable<void(Exports&)> fn) {
    reactor().Post([this, fn = std::move(fn)]() mutable { fn(*exports_); });
  }
  // Runs fn(exports, done) on the reactor and waits for done.
  absl::Status AwaitExports(absl::AnyInvocable<void(Exports&, Waiters::Done)> fn) {
    return thread_.Await<absl::Status>(
        [this, fn = std::move(fn)](Waiters::Done done) mutable { fn(*exports_, std::move(done)); });
  }

 private:
  absl::Status StartOnReactor() {
    env::PosixReactor& reactor = thread_.reactor();
    network_ = std::make_unique<env::PosixNetwork>(reactor);
    exports_ = std::make_unique<Exports>(options_, reactor, reactor.pool());
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
        exports_->Stop(client_.get(), [done = std::move(done)]() mutable { done(true); });
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

std::string ClientServer::GlobalIdOf(const std::string& name) {
  std::string id;
  impl_
      ->AwaitExports([&](Exports& exports, Waiters::Done done) {
        id = exports.GlobalIdOf(name);
        done(absl::OkStatus());
      })
      .IgnoreError();  // it is OK
  return id;
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
  // Runs fn(device, done) on the reactor and waits for done. kNotFound once the volume is not
  // attached here any more.
  absl::Status Await(absl::AnyInvocable<void(block::BlockDevice&, Waiters::Done)> fn) {
    return client.AwaitExports(
        [this, fn = std::move(fn)](Exports& exports, Waiters::Done done) mutable {
          const Device device = exports.FindDevice(id);
          if (device == nullptr) return done(exports.NotAttached(name));
          fn(*device, std::move(done));
        });
  }
  // Any thread.
  absl::Status LookUpSize() {
    return Await([this](block::BlockDevice& device, Waiters::Done done) {
      size_bytes.store(device.info().size_bytes);
      done(absl::OkStatus());
    });
  }

  Impl& client;
  const std::string name;  // when it was opened; another volume may have it now
  const VolumeId id;
  std::atomic<uint64_t> size_bytes = 0;  // when it was last asked for
};

absl::StatusOr<ClientServer::Volume> ClientServer::Open(const std::string& name) {
  VolumeId id;
  SP_RETURN_IF_ERROR(impl_->AwaitExports([&](Exports& exports, Waiters::Done done) {
    id = exports.FindVolume(name);
    done(id == VolumeId() ? exports.NotAttached(name) : absl::OkStatus());
  }));
  auto shared = std::make_shared<Volume::Shared>(*impl_, name, id);
  SP_RETURN_IF_ERROR(shared->LookUpSize());
  return Volume(std::move(shared));
}

uint64_t ClientServer::Volume::size_bytes() const {
  shared_->LookUpSize().IgnoreError();
  return shared_->size_bytes.load();
}

absl::Status ClientServer::Volume::Read(uint64_t offset_bytes, std::span<uint8_t> target) {
  return shared_->Await([=](block::BlockDevice& device, Waiters::Done done) {
    auto* io = new OneIo(std::move(done));
    io->op = block::BlockOp::kRead;
    io->offset_bytes = offset_bytes;
    io->size_bytes = target.size();
    io->target = target;
    device.Start(io);
  });
}

absl::Status ClientServer::Volume::Write(uint64_t offset_bytes, std::span<const uint8_t> bytes) {
  return shared_->Await([=](block::BlockDevice& device, Waiters::Done done) {
    auto* io = new OneIo(std::move(done));
    io->op = block::BlockOp::kWrite;
    io->offset_bytes = offset_bytes;
    io->size_bytes = bytes.size();
    io->payload = device.pool().Copy(bytes);
    device.Start(io);
  });
}

absl::Status ClientServer::Volume::Trim(uint64_t offset_bytes, uint64_t size_bytes) {
  return shared_->Await([=](block::BlockDevice& device, Waiters::Done done) {
    auto* io = new OneIo(std::move(done));
    io->op = block::BlockOp::kTrim;
    io->offset_bytes = offset_bytes;
    io->size_bytes = size_bytes;
    device.Start(io);
  });
}

}  // namespace storpool::embed
