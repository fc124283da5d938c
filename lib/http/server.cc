#include "lib/http/server.h"

#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/api_limits.h"
#include "lib/env/posix/socket_address.h"
#include "lib/http/connection.h"

namespace storpool::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr char kComponent[] = "http";
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // when there are no files left
constexpr int kKeepAliveIdleSeconds = 60, kKeepAliveSeconds = 10, kKeepAliveProbes = 3;

// A quarter of the files that this process may have open at most: the rest is for others.
uint32_t ConnectionsMax(uint32_t wanted) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const uint64_t quarter = std::max<uint64_t>(1, limit.rlim_cur / 4);
  return static_cast<uint32_t>(
      std::min<uint64_t>(quarter, wanted == 0 ? kHttpConnectionsMax : wanted));
}

absl::Status CannotListen(const std::string& address, const error_code& error) {
  const std::string text = absl::StrCat("the JSON API cannot listen on ", address, ": ",
                                        error.message(), "; choose another address or port");
  return error == asio::error::access_denied ? absl::PermissionDeniedError(text)
                                             : absl::UnavailableError(text);
}

// A host that has died must not keep a long poll for ever.
void KeepAlive(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  const int fd = socket.native_handle();
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepAliveIdleSeconds, sizeof(int));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepAliveSeconds, sizeof(int));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kKeepAliveProbes, sizeof(int));
}

}  // namespace

class Server::Core {
 public:
  explicit Core(ServerOptions options)
      : options_(std::move(options)),
        connections_max_(ConnectionsMax(options_.connections_max)),
        context_(std::make_shared<asio::io_context>(1)),
        acceptor_(*context_),
        pause_(*context_) {}

  absl::Status Start() {
    if (options_.certificate_file.empty() != options_.key_file.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("TLS of the JSON API needs a certificate and its key: there is only ",
                       options_.certificate_file, options_.key_file,
                       "; give --http_certificate and --http_key, or neither"));
    }
    if (!options_.certificate_file.empty()) {
      if (absl::Status s = LoadTls(); !s.ok()) return s;
    }
    if (absl::Status s = Listen(); !s.ok()) return s;
    Accept();
    thread_ = std::thread([this] { context_->run(); });
    return absl::OkStatus();
  }

  void Stop() {
    if (!thread_.joinable()) return;
    asio::post(*context_, [this] {
      stopping_ = true;
      error_code ignored;
      acceptor_.close(ignored);
      pause_.cancel();
      for (Connection* connection : connections_) connection->Close();
    });
    thread_.join();
  }

  const std::string& address() const { return address_; }

 private:
  absl::Status LoadTls() {
    tls_.emplace(asio::ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(tls_->native_handle(), TLS1_2_VERSION);
    error_code error;
    tls_->use_certificate_chain_file(options_.certificate_file, error);
    if (error) {
      return absl::InvalidArgumentError(
          absl::StrCat(options_.certificate_file, " is no certificate: ", error.message()));
    }
    tls_->use_private_key_file(options_.key_file, asio::ssl::context::pem, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat(
          options_.key_file, " is no key of ", options_.certificate_file, ": ", error.message()));
    }
    return absl::OkStatus();
  }

  absl::Status Listen() {
    const absl::StatusOr<env::SocketAddress> parsed = env::SocketAddress::Parse(options_.listen);
    if (!parsed.ok()) return parsed.status();
    if (parsed->is_unix()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the JSON API needs HOST:PORT, not ", options_.listen));
    }
    tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), parsed->raw(), parsed->size_bytes);
    endpoint.resize(parsed->size_bytes);
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return CannotListen(options_.listen, error);
    address_ = env::SocketAddress::Local(acceptor_.native_handle()).ToString();
    return absl::OkStatus();
  }

  void Accept() {
    if (refused_ >= kHttpRefusedMax) {
      waiting_ = true;  // Ended goes on
      return;
    }
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (stopping_) return;
      if (error) return PauseAccepting(error);
      Serve(std::move(socket));
      Accept();
    });
  }

  void PauseAccepting(const error_code& error) {
    if (options_.log != nullptr) {
      options_.log->Log(env::LogLevel::kWarning, kComponent,
                        absl::StrCat("cannot accept a connection: ", error.message(),
                                     "; raise the limit of open files (LimitNOFILE, ulimit -n)"));
    }
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](const error_code& ended) {
      if (!ended && !stopping_) Accept();
    });
  }

  void Serve(tcp::socket socket) {
    KeepAlive(socket);
    ConnectionPlan plan;
    plan.options = &options_;
    plan.context = context_;
    plan.tls = tls_.has_value() ? &*tls_ : nullptr;
    plan.refused = connections_.size() - refused_ >= connections_max_;
    plan.on_end = [this, refused = plan.refused](Connection* ended) { Ended(ended, refused); };
    refused_ += plan.refused;
    const std::shared_ptr<Connection> connection =
        MakeConnection(std::move(socket), std::move(plan));
    connections_.insert(connection.get());
    connection->Start();
  }

  void Ended(Connection* connection, bool refused) {
    connections_.erase(connection);
    refused_ -= refused;
    if (waiting_ && !stopping_) {
      waiting_ = false;
      Accept();
    }
  }

  const ServerOptions options_;
  const uint32_t connections_max_;
  std::string address_;
  std::optional<asio::ssl::context> tls_;
  const std::shared_ptr<asio::io_context> context_;
  // Server's thread.
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::set<Connection*> connections_;
  uint32_t refused_ = 0;  // of them
  bool waiting_ = false;  // not accepting until one that was refused has ended
  bool stopping_ = false;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  auto core = std::make_unique<Core>(std::move(options));
  if (absl::Status s = core->Start(); !s.ok()) return s;
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

Server::Server(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Server::~Server() { core_->Stop(); }
const std::string& Server::address() const { return core_->address(); }

}  // namespace storpool::http
