// One connection of an NBD client: negotiation, then requests of one export.
//
// Invariants: every request is answered once, when the device has answered it, never earlier and
// never by a time-out (hazard 1.3); what the device was given is finished also when the client is
// gone; what is under way and unsent stays within kNbdConnectionBytesMax, and then the client is
// not read from. In steady state a request allocates nothing. Reactor thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/env/log_sink.h"
#include "lib/env/reactor.h"
#include "lib/env/stream.h"
#include "lib/frontends/nbd/negotiation.h"
#include "lib/frontends/nbd/parser.h"
#include "lib/frontends/nbd/reply_sender.h"
#include "lib/frontends/nbd/request_check.h"

namespace storpool::nbd {

// Of a server, over all its connections.
struct Counters {
  uint64_t connections = 0;  // ever
  uint64_t connections_open = 0;
  uint64_t requests = 0;
  uint64_t requests_failed = 0;
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
};

class Session final : public env::StreamHandler {
 public:
  // Who owns sessions.
  class Host {
   public:
    virtual ~Host() = default;
    virtual ExportDirectory& exports() = 0;
    virtual Counters& session_counters() = 0;
    virtual env::LogSink& log() = 0;
    virtual env::Reactor& reactor() = 0;
    // The stream is closed and nothing is under way: the last call. The session must be destroyed
    // later, not within it.
    virtual void OnSessionOver(Session* session) = 0;
  };

  // Greets the client. `host` must outlive the session.
  Session(Host& host, std::unique_ptr<env::Stream> stream);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  // Early only together with the device and its reactor: a crash, in simulation.
  ~Session() override;

  // Takes no further requests, finishes those under way, sends the answers, closes. Then, and
  // never from within this call unless nothing is left to do, the host is told. A client that has
  // not taken its answers after kNbdDrainMs is cut off.
  void Drain();
  // Closes now; requests under way are finished and their answers dropped.
  void Abandon();

  // It has this device open, under whichever name.
  bool Uses(const block::BlockDevice& device) const {
    return negotiation_.agreement().device == &device;
  }
  const std::string& peer() const { return peer_; }

  void OnBytes(std::span<const uint8_t> bytes) override;
  std::span<uint8_t> DirectTarget() override;
  void OnFilled(size_t size_bytes) override;
  void OnDrained() override;
  void OnClosed(const absl::Status& reason) override;

 private:
  class Operation;
  enum class State {
    kNegotiating,
    kServing,
    kFinishing,  // nothing is read; answers still leave
    kClosed,     // the stream is gone; operations may be under way
    kOver,
  };

  void OnDeadline();
  bool reading() const { return state_ == State::kNegotiating || state_ == State::kServing; }
  void Consume(std::span<const uint8_t>* bytes);
  void OnEvent(Parser::Event event);
  void AfterNegotiation(Negotiation::Next next, const std::string& answer);
  void OnRequest();
  bool Admissible(const Request& request) const;
  void Stall();
  void Unstall();
  void Refuse(const Request& request, const Refusal& refusal);
  void StartReceiving();
  void StartReceived();
  Operation* TakeOperation(const Request& request);
  void PutBack(Operation* operation);
  void OnOperationDone(Operation* operation, const absl::Status& status);
  void Answer(const Operation& operation, const absl::Status& status);
  void Break(std::string_view reason);
  void Closed();
  void DropInput();
  void EndIfDone();

  Host& host_;
  std::unique_ptr<env::Stream> stream_;
  const std::string peer_;
  State state_ = State::kNegotiating;
  Negotiation negotiation_;
  Parser parser_;
  ReplySender replies_;
  env::Timer deadline_;  // of the negotiation, and of what is left when it drains

  // The device is full of this client's requests: parser_.request() waits, and behind it these
  // bytes, from backlog_at_ on.
  bool stalled_ = false;
  std::vector<uint8_t> backlog_;
  size_t backlog_at_ = 0;

  Operation* receiving_ = nullptr;  // a write whose payload is coming in
  Refusal refusal_;                 // of a write whose payload is being dropped

  std::vector<std::unique_ptr<Operation>> operations_;
  std::vector<Operation*> idle_;
  uint64_t bytes_under_way_ = 0;
};

}  // namespace storpool::nbd
