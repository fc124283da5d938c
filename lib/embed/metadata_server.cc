#include "lib/embed/metadata_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/embed/grpc_server.h"
#include "lib/embed/metadata_store.h"
#include "lib/embed/program.h"
#include "lib/embed/reactor_thread.h"
#include "lib/embed/token_file.h"
#include "lib/env/posix/posix_entropy.h"
#include "lib/http/json_api.h"
#include "lib/http/server.h"
#include "lib/metadata/leader.h"
#include "lib/rpc/admin_service.h"
#include "lib/rpc/control_service.h"

namespace storpool::embed {

class MetadataServer::Impl {
 public:
  explicit Impl(const MetadataServerOptions& options) : options_(options) {}

  ~Impl() {
    http_.reset();
    server_.reset();  // no call comes any more; its last posts run before what follows
    thread_.Run([this] {
      admin_.reset();
      leader_.reset();
      store_.reset();
    });
  }

  absl::Status Start() {
    const absl::Status opened = thread_.Await<absl::Status>(
        [this](absl::AnyInvocable<void(absl::Status)> done) { done(StartLeader()); });
    SP_RETURN_IF_ERROR(opened);
    control_ = std::make_unique<rpc::ControlService>(thread_.reactor(), *leader_);
    // The address may hold port 0: the admin service is told the real one when it is known.
    commands_ = std::make_unique<rpc::AdminService>(thread_.reactor(), *admin_);
    auto server = GrpcServer::Start(options_.listen, {control_.get(), commands_.get()});
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    thread_.Run([this] { admin_->set_address(server_->address()); });
    return options_.http.empty() ? absl::OkStatus() : StartHttp();
  }
  const std::string& address() const { return server_->address(); }
  std::string http_address() const { return http_ == nullptr ? "" : http_->address(); }

  absl::Status WaitForServices(const Services& wanted) {
    return thread_.Await<absl::Status>([&](absl::AnyInvocable<void(absl::Status)> done) {
      const auto all_there = [wanted](const metadata::State& state,
                                      const metadata::LiveView& live) {
        size_t nodes = 0, clients = 0;
        for (const auto& [id, node] : state.nodes()) nodes += live.node(node.id()).up;
        for (const auto& [id, client] : state.clients()) clients += live.client(client.id()).up;
        return nodes >= wanted.nodes && clients >= wanted.clients;
      };
      leader_->WaitUntil(all_there, Duration::Seconds(wanted.seconds), std::move(done));
    });
  }

  void RunAdmin(absl::AnyInvocable<void(api::Admin&, absl::AnyInvocable<void()>)> fn) {
    thread_.Await<bool>([this, &fn](absl::AnyInvocable<void(bool)> done) {
      fn(*admin_, [done = std::move(done)]() mutable { done(true); });
    });
  }

 private:
  absl::Status StartHttp() {
    env::PosixEntropy entropy;
    absl::StatusOr<std::string> token = TakeToken(options_.folder, entropy);
    if (!token.ok()) return token.status();
    http::JsonApi::Identity identity{*std::move(token), ""};
    thread_.Run([&] { identity.cluster = leader_->state().cluster().name(); });
    json_api_ = std::make_unique<http::JsonApi>(
        thread_.reactor(), *admin_, [this] { return leader_->state().cluster().generation(); },
        std::move(identity));
    http::ServerOptions options;
    options.listen = options_.http;
    options.certificate_file = options_.http_certificate;
    options.key_file = options_.http_key;
    options.admit = [this](const http::Head& head) { return json_api_->Admit(head); };
    options.handle = [this](http::Request request, http::Reply reply) {
      json_api_->Handle(std::move(request), std::move(reply));
    };
    options.log = options_.log;
    auto server = http::Server::Start(std::move(options));
    if (!server.ok()) return server.status();
    http_ = *std::move(server);
    return absl::OkStatus();
  }

  absl::Status StartLeader() {
    env::PosixReactor& reactor = thread_.reactor();
    auto store = OpenMetadataStore(options_.folder, reactor);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    metadata::Options options;
    options.term = store_->term();
    leader_ = std::make_unique<metadata::Leader>(reactor, store_->state(), store_->log(),
                                                 *options_.log, options);
    SP_RETURN_IF_ERROR(leader_->Start());
    admin_ = std::make_unique<api::Admin>(*leader_, reactor.clock(),
                                          api::Admin::Self{"", std::string(kVersion)});
    return absl::OkStatus();
  }

  const MetadataServerOptions options_;
  ReactorThread thread_;
  // On the reactor.
  std::unique_ptr<MetadataStore> store_;
  std::unique_ptr<metadata::Leader> leader_;
  std::unique_ptr<api::Admin> admin_;
  // gRPC.
  std::unique_ptr<rpc::ControlService> control_;
  std::unique_ptr<rpc::AdminService> commands_;
  std::unique_ptr<GrpcServer> server_;
  // HTTP.
  std::unique_ptr<http::JsonApi> json_api_;
  std::unique_ptr<http::Server> http_;
};

MetadataServer::MetadataServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetadataServer::~MetadataServer() = default;

absl::StatusOr<std::unique_ptr<MetadataServer>> MetadataServer::Start(
    const MetadataServerOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  SP_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<MetadataServer>(new MetadataServer(std::move(impl)));
}

const std::string& MetadataServer::address() const { return impl_->address(); }
std::string MetadataServer::http_address() const { return impl_->http_address(); }

absl::Status MetadataServer::WaitForServices(const Services& wanted) {
  return impl_->WaitForServices(wanted);
}

void MetadataServer::RunAdmin(
    absl::AnyInvocable<void(api::Admin& admin, absl::AnyInvocable<void()> done)> fn) {
  impl_->RunAdmin(std::move(fn));
}

}  // namespace storpool::embed
