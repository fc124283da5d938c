#include "lib/env/memory/memory_network.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/env/memory/memory_stream.h"

namespace storpool::env {

class MemoryHost : public Network {
 public:
  MemoryHost(MemoryNetwork& hub, Reactor& reactor, std::string host)
      : hub_(hub), reactor_(reactor), host_(std::move(host)) {}

  absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address,
                                                   Acceptor acceptor) override {
    std::string name(address);
    const bool any_port = name.ends_with(":0");
    if (any_port) name = absl::StrCat(name.substr(0, name.size() - 1), hub_.next_port_++);
    if (hub_.listeners_.contains(name)) {
      return absl::AlreadyExistsError(
          absl::StrCat("address already in use: ", name,
                       ": choose another port or stop the process that holds it"));
    }
    return std::make_unique<MemoryListener>(hub_, reactor_, host_, std::move(name),
                                            std::move(acceptor));
  }

  std::unique_ptr<Stream> Connect(std::string_view address, StreamHandler* handler) override {
    const std::string name(address);
    const auto listener = hub_.listeners_.find(name);
    const bool found = listener != hub_.listeners_.end();
    const std::string peer = found ? listener->second->host() : name.substr(0, name.rfind(':'));
    auto stream = std::make_unique<MemoryStream>(hub_, reactor_, host_, peer, name, handler);
    if (!found || hub_.IsBroken(host_, peer)) {
      stream->DeliverClosed(absl::UnavailableError(absl::StrCat(
          "cannot connect to ", name, found ? ": no route" : ": nobody listens there")));
    } else {
      listener->second->Connect(stream.get());
    }
    return stream;
  }

 private:
  MemoryNetwork& hub_;
  Reactor& reactor_;
  const std::string host_;
};

std::unique_ptr<Network> MemoryNetwork::Attach(Reactor& reactor, std::string host) {
  return std::make_unique<MemoryHost>(*this, reactor, std::move(host));
}

Duration MemoryNetwork::DelayOf(const std::string& from, const std::string& to,
                                size_t size_bytes) const {
  return delay_ ? delay_(from, to, size_bytes) : Duration();
}

bool MemoryNetwork::IsBroken(const std::string& a, const std::string& b) const {
  return broken_.contains({a, b});
}

void MemoryNetwork::Stall(const std::string& from, const std::string& to, bool stalled) {
  if (stalled) {
    stalled_.insert({from, to});
    return;
  }
  stalled_.erase({from, to});
  for (const auto& [id, stream] : streams_) {
    if (stream->Between(from, to)) stream->Arm();
  }
}

void MemoryNetwork::Break(const std::string& a, const std::string& b, bool broken) {
  if (broken) {
    broken_.insert({a, b});
    broken_.insert({b, a});
    DropConnections(a, b);
  } else {
    broken_.erase({a, b});
    broken_.erase({b, a});
  }
}

void MemoryNetwork::DropConnections(const std::string& a, const std::string& b) {
  for (const auto& [id, stream] : streams_) {
    if (stream->Between(a, b)) stream->Reset();
  }
}

}  // namespace storpool::env
