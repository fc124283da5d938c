#include "lib/env/posix/posix_network.h"

#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/env/posix/posix_stream.h"
#include "lib/env/posix/socket_address.h"

namespace storpool::env {
namespace {

constexpr int kBacklog = 1024;
constexpr int kAcceptsPerTurn = 16;
constexpr Duration kOutOfDescriptorsPause = Duration::Millis(100);

class PosixListener : public Listener, private FdHandler {
 public:
  PosixListener(PosixReactor& reactor, int fd, Network::Acceptor acceptor)
      : reactor_(reactor),
        fd_(fd),
        acceptor_(std::move(acceptor)),
        local_(SocketAddress::Local(fd)),
        address_(local_.ToString()),
        retry_(reactor, [this] { reactor_.Watch(fd_, EPOLLIN, this); }) {
    reactor_.Watch(fd_, EPOLLIN, this);
  }

  ~PosixListener() override {
    LifeWatch::Gone(watch_);
    if (!retry_.active()) reactor_.Unwatch(fd_, this);
    if (local_.is_unix()) unlink(local_.unix_path().c_str());
    close(fd_);
  }

  const std::string& address() const override { return address_; }

 private:
  void OnEvents(uint32_t) override {
    const LifeWatch watch(&watch_);
    for (int i = 0; i < kAcceptsPerTurn && !watch.gone(); ++i) {
      if (!AcceptOne()) break;
    }
  }

  bool AcceptOne() {
    SocketAddress peer;
    const int fd = accept4(fd_, peer.raw(), &peer.size_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == ECONNABORTED || errno == EINTR) return true;
      if (errno == EAGAIN) return false;
      // Out of descriptors or memory: the connection stays in the backlog, try again soon.
      reactor_.Unwatch(fd_, this);
      retry_.StartIn(kOutOfDescriptorsPause);
      return false;
    }
    std::string name = local_.is_unix() ? address_ : peer.ToString();
    auto stream = std::make_unique<PosixStream>(reactor_, fd, std::move(name));
    PosixStream* raw = stream.get();
    const LifeWatch watch(raw->life());
    StreamHandler* handler = acceptor_(std::move(stream));
    if (watch.gone()) return true;
    if (handler != nullptr) {
      raw->set_handler(handler);
    } else {
      raw->Close();
    }
    return true;
  }

  PosixReactor& reactor_;
  const int fd_;
  Network::Acceptor acceptor_;
  const SocketAddress local_;
  const std::string address_;
  Timer retry_;
  LifeWatch* watch_ = nullptr;
};

// Removes the file of a unix socket that nobody listens on.
void RemoveStale(const SocketAddress& address) {
  struct stat file;
  const std::string path = address.unix_path();
  if (lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return;
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  if (connect(fd, address.raw(), address.size_bytes) != 0 && errno == ECONNREFUSED) {
    unlink(path.c_str());
  }
  close(fd);
}

absl::Status ListenError(const std::string& address, int error) {
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat("address already in use: ", address,
                     ": choose another port or stop the process that holds it"));
  }
  return absl::ErrnoToStatus(error, absl::StrCat("cannot listen on ", address));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> PosixNetwork::Listen(std::string_view address,
                                                               Acceptor acceptor) {
  const std::string name(address);
  auto parsed = SocketAddress::Parse(address);
  if (!parsed.ok()) return parsed.status();
  if (parsed->is_unix()) RemoveStale(*parsed);
  const int fd = socket(parsed->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat(name, ": socket"));
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, parsed->raw(), parsed->size_bytes) != 0 || listen(fd, kBacklog) != 0) {
    const int error = errno;
    close(fd);
    return ListenError(name, error);
  }
  return std::make_unique<PosixListener>(reactor_, fd, std::move(acceptor));
}

std::unique_ptr<Stream> PosixNetwork::Connect(std::string_view address, StreamHandler* handler) {
  return PosixStream::Connect(reactor_, address, handler);
}

}  // namespace storpool::env
