// The streams and listeners of a MemoryNetwork.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/env/life_watch.h"
#include "lib/env/memory/memory_network.h"

namespace storpool::env {

class MemoryStream : public Stream, private PhaseHook {
 public:
  MemoryStream(MemoryNetwork& hub, Reactor& reactor, std::string host, std::string peer_host,
               std::string peer_address, StreamHandler* handler);
  ~MemoryStream() override;

  void Send(std::span<const uint8_t> bytes) override;
  void Send(Buffer buffer) override;
  size_t unsent_bytes() const override { return out_.size(); }
  void PauseReading() override { paused_ = true; }
  void ResumeReading() override;
  void Close() override;
  std::string peer_address() const override { return peer_address_; }

  // For the network.
  static void Join(MemoryStream* a, MemoryStream* b);
  void set_handler(StreamHandler* handler) { handler_ = handler; }
  void set_listener(MemoryListener* listener) { listener_ = listener; }
  void DeliverConnected();
  // Behind everything that is still on its way.
  void DeliverClosed(absl::Status reason);
  // The connection breaks: what is still on its way is lost, stalled and paused or not.
  void Reset();
  void Arm();
  bool Between(const std::string& a, const std::string& b) const;
  const std::string& host() const { return host_; }
  LifeWatch** life() { return &watch_; }

 private:
  struct Delivery {
    enum class Kind { kConnected, kBytes, kClosed } kind;
    Instant at;
    std::vector<uint8_t> bytes;
    absl::Status reason;
  };

  void OnPhase(Phase phase) override;
  void Deliver(Delivery delivery, size_t size_bytes);
  void OnTime();
  void HandOn(std::span<const uint8_t> bytes, const LifeWatch& watch);
  bool Stalled() const;
  void Leave();

  MemoryNetwork& hub_;
  Reactor& reactor_;
  const uint64_t id_;
  const std::string host_;
  const std::string peer_host_;
  const std::string peer_address_;
  StreamHandler* handler_;
  MemoryStream* peer_ = nullptr;
  MemoryListener* listener_ = nullptr;  // while waiting to be accepted
  bool connected_ = false;
  bool closed_ = false;
  bool paused_ = false;
  bool reset_ = false;
  std::vector<uint8_t> out_;
  std::deque<Delivery> in_;
  Instant last_at_;
  Timer timer_;
  LifeWatch* watch_ = nullptr;
};

class MemoryListener : public Listener {
 public:
  MemoryListener(MemoryNetwork& hub, Reactor& reactor, std::string host, std::string address,
                 Network::Acceptor acceptor);
  ~MemoryListener() override;
  const std::string& address() const override { return address_; }

  void Connect(MemoryStream* client);
  void Forget(MemoryStream* client);
  const std::string& host() const { return host_; }

 private:
  struct Waiting {
    Instant at;
    MemoryStream* client;
  };
  void OnTime();
  void Accept(MemoryStream* client);
  void Arm();

  MemoryNetwork& hub_;
  Reactor& reactor_;
  const std::string host_;
  const std::string address_;
  Network::Acceptor acceptor_;
  std::deque<Waiting> waiting_;
  Timer timer_;
  LifeWatch* watch_ = nullptr;
};

}  // namespace storpool::env
