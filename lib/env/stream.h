// Byte streams between reactors: TCP in the real world, a lossy network under virtual time.
//
// Contract: bytes arrive in order and without gaps, or the stream closes. OnClosed comes exactly
// once, is the last call, and comes also for a stream that could not connect; after Close() no
// call comes any more. What Send was given leaves in Phase::kForward or Phase::kReport, whichever
// comes first. Reactor thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/buffer.h"

namespace storpool::env {

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  virtual void OnConnected() {}
  // Bytes that came in; valid during the call only.
  virtual void OnBytes(std::span<const uint8_t> bytes) = 0;
  // If not empty, the next bytes are received straight into it and OnFilled tells how many came;
  // OnBytes then gets nothing until it is full or DirectTarget is empty again.
  virtual std::span<uint8_t> DirectTarget() { return {}; }
  virtual void OnFilled(size_t size_bytes) { static_cast<void>(size_bytes); }
  // All that was queued has left.
  virtual void OnDrained() {}
  virtual void OnClosed(const absl::Status& reason) = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;  // Closes.
  // Queues a copy of `bytes` (headers, small bodies).
  virtual void Send(std::span<const uint8_t> bytes) = 0;
  // Queues the buffer itself; nothing is copied. Its bytes must not change any more.
  virtual void Send(Buffer buffer) = 0;
  virtual size_t unsent_bytes() const = 0;
  // Stops and resumes reading: the only back-pressure, and only for clients (design 5.3f).
  virtual void PauseReading() = 0;
  virtual void ResumeReading() = 0;
  virtual void Close() = 0;
  virtual std::string peer_address() const = 0;
};

class Listener {
 public:
  virtual ~Listener() = default;  // Stops listening; accepted streams live on.
  // With the port that was really taken: "127.0.0.1:41234", "unix:/run/x.sock".
  virtual const std::string& address() const = 0;
};

class Network {
 public:
  // Called for each accepted stream; returns its handler, which must outlive the stream or be
  // deleted from OnClosed. Returning nullptr refuses.
  using Acceptor = absl::AnyInvocable<StreamHandler*(std::unique_ptr<Stream> stream)>;

  virtual ~Network() = default;
  // `address` is "host:port" (port 0: any) or "unix:PATH". Errors name the address.
  virtual absl::StatusOr<std::unique_ptr<Listener>> Listen(std::string_view address,
                                                           Acceptor acceptor) = 0;
  // Begins to connect; the result arrives as OnConnected or OnClosed.
  virtual std::unique_ptr<Stream> Connect(std::string_view address, StreamHandler* handler) = 0;
};

}  // namespace storpool::env
