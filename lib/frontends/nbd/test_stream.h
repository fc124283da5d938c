// Connections held in the test's hands: bytes go in piece by piece as the test says, and what the
// server sends is kept for the test to read. For unit tests of the NBD front end.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lib/env/stream.h"

namespace storpool::nbd {

// The server's end lives in the server; this is what is left of it for the test.
struct Wire {
  env::StreamHandler* handler = nullptr;
  std::string sent;          // by the server, not yet read by the test
  bool client_reads = true;  // else what is sent stays unsent
  size_t unsent_bytes = 0;
  bool paused = false;
  bool closed_by_server = false;
  size_t direct_bytes = 0;  // received straight into their target
  uint64_t sends = 0;

  // The client's side: as a stream would hand it on, `piece_bytes` at a time.
  void Deliver(std::string_view bytes, size_t piece_bytes = SIZE_MAX) {
    while (!bytes.empty() && !closed_by_server) {
      const std::string_view piece = bytes.substr(0, piece_bytes);
      bytes.remove_prefix(piece.size());
      DeliverPiece(piece);
    }
  }
  void ReadAgain() {
    client_reads = true;
    unsent_bytes = 0;
    if (!closed_by_server) handler->OnDrained();
  }
  void Disconnect() {
    std::exchange(handler, nullptr)->OnClosed(absl::UnavailableError("client is gone"));
  }

 private:
  void DeliverPiece(std::string_view bytes) {
    while (!bytes.empty() && !closed_by_server) {
      const std::span<uint8_t> target = handler->DirectTarget();
      if (target.empty()) {
        handler->OnBytes({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
        return;
      }
      const size_t part = std::min(bytes.size(), target.size());
      std::memcpy(target.data(), bytes.data(), part);
      bytes.remove_prefix(part);
      direct_bytes += part;
      handler->OnFilled(part);
    }
  }
};

class TestStream final : public env::Stream {
 public:
  explicit TestStream(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  ~TestStream() override { Close(); }

  void Send(std::span<const uint8_t> bytes) override {
    if (wire_->closed_by_server) return;
    ++wire_->sends;
    wire_->sent.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!wire_->client_reads) wire_->unsent_bytes += bytes.size();
  }
  void Send(Buffer buffer) override { Send(std::span<const uint8_t>(buffer.span())); }
  size_t unsent_bytes() const override { return wire_->unsent_bytes; }
  void PauseReading() override { wire_->paused = true; }
  void ResumeReading() override { wire_->paused = false; }
  void Close() override { wire_->closed_by_server = true; }
  std::string peer_address() const override { return "test:1"; }

 private:
  std::shared_ptr<Wire> wire_;
};

// A network whose clients are the test's.
class TestNetwork final : public env::Network {
 public:
  absl::StatusOr<std::unique_ptr<env::Listener>> Listen(std::string_view address,
                                                        Acceptor acceptor) override {
    acceptor_ = std::move(acceptor);
    return std::make_unique<TestListener>(std::string(address));
  }
  std::unique_ptr<env::Stream> Connect(std::string_view, env::StreamHandler*) override {
    return nullptr;
  }
  // nullptr: refused.
  std::shared_ptr<Wire> ConnectToServer() {
    auto wire = std::make_shared<Wire>();
    wire->handler = acceptor_(std::make_unique<TestStream>(wire));
    return wire->handler == nullptr ? nullptr : wire;
  }

 private:
  class TestListener final : public env::Listener {
   public:
    explicit TestListener(std::string address) : address_(std::move(address)) {}
    const std::string& address() const override { return address_; }

   private:
    std::string address_;
  };

  Acceptor acceptor_;
};

}  // namespace storpool::nbd
