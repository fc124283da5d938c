// One connection between two processes of a cluster, over one byte stream: frames both ways after a
// hello in which each side has proved that it knows the cluster's secret (docs/wire-format.md).
//
// Contract: OnReady comes once, before any message; OnClosed at most once, as the last call, for
// every end that Close() did not ask for. No call comes from within Send, Close or the constructor.
// Not to be destroyed from within its own calls. Bad frames, a wrong secret, another cluster and
// silence all close it, with a reason that says so. Reactor thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/digest.h"
#include "lib/env/entropy.h"
#include "lib/env/reactor.h"
#include "lib/env/stream.h"
#include "lib/wire/codec.h"
#include "lib/wire/frame_reader.h"
#include "lib/wire/messages.h"

namespace storpool::link {

// This process's side of all its connections; outlives them.
struct Local {
  env::Reactor& reactor;
  BufferPool& pool;
  env::Entropy& entropy;
  Digest secret_key;  // SecretKey of the cluster's secret
  // Who we are: `nonce` and `proof` are ignored.
  wire::Hello self;
};

class Connection : private env::StreamHandler, private wire::FrameReader::Sink {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnReady(Connection& connection) = 0;
    virtual void OnMessage(Connection& connection, wire::Message&& message) = 0;
    virtual void OnClosed(Connection& connection, const absl::Status& reason) = 0;
    // All that was sent has left.
    virtual void OnDrained(Connection& connection) { static_cast<void>(connection); }
  };

  // Connects to `address` (as env::Network::Connect).
  Connection(const Local& local, env::Network& network, std::string_view address, Handler& handler);
  // For an accepted stream; give the network stream_handler().
  Connection(const Local& local, std::unique_ptr<env::Stream> stream, Handler& handler);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() override;

  // Only when ready(); nothing happens once it is closed. Payloads go by reference.
  template <class M>
  void Send(const M& message) {
    if (state_ != State::kReady) return;
    uint8_t head[wire::kFrameHeadBytesMax];
    wire::Payload payload;
    const size_t head_bytes = wire::Encode(message, local_.pool, head, payload);
    Queue({head, head_bytes}, payload);
  }
  // Who is called from now on; also from within OnReady.
  void set_handler(Handler& handler) { handler_ = &handler; }
  // What comes in from now on is kept in memory of `pool`, which outlives it.
  void set_pool(BufferPool& pool) { reader_.set_pool(pool); }
  void PauseReading() { stream_->PauseReading(); }
  void ResumeReading() { stream_->ResumeReading(); }
  void Close();

  bool ready() const { return state_ == State::kReady; }
  bool closed() const { return state_ == State::kClosed; }
  // The other side, once ready: who it has proved to be.
  const wire::Hello& peer() const { return peer_; }
  // For logs: "node 3 at 10.0.0.3:3761".
  std::string peer_name() const;
  size_t unsent_bytes() const { return stream_->unsent_bytes(); }
  env::StreamHandler* stream_handler() { return this; }

 private:
  enum class State { kConnecting, kAwaitHello, kAwaitProof, kReady, kClosed };

  void OnConnected() override;
  void OnBytes(std::span<const uint8_t> bytes) override;
  std::span<uint8_t> DirectTarget() override { return reader_.DirectTarget(); }
  void OnFilled(size_t size_bytes) override;
  void OnDrained() override { handler_->OnDrained(*this); }
  void OnClosed(const absl::Status& reason) override;
  bool OnMessage(wire::Message&& message) override;

  void Queue(std::span<const uint8_t> head, const wire::Payload& payload);
  void SendHello(bool with_proof);
  absl::Status OnHello(const wire::Hello& hello);
  absl::Status CheckPeer(const wire::Hello& hello) const;
  Digest ProofOf(const wire::Hello& who, bool by_acceptor) const;
  void BecomeReady();
  void OnTick();
  void Fail(const absl::Status& reason);

  const Local& local_;
  Handler* handler_;
  const bool accepted_;
  State state_;
  std::array<uint8_t, 16> nonce_ = {};
  wire::Hello peer_;
  wire::FrameReader reader_;
  absl::Status broken_;  // why OnMessage stopped the reader
  env::Timer tick_;
  bool heard_ = true;  // since the last tick
  bool sent_ = true;   // since the last tick
  int silent_ticks_ = 0;
  std::unique_ptr<env::Stream> stream_;
};

}  // namespace storpool::link
