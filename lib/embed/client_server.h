// A client of the cluster on a thread of its own, exporting its volumes over NBD: what
// storpool_client is, and what an appliance links.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/base/types.h"
#include "lib/block/block_device.h"
#include "lib/embed/cluster_file.h"
#include "lib/env/log_sink.h"

namespace storpool::embed {

struct ClientServerOptions {
  ClientId id;       // 1..kClientIdMax; one process of this id at a time
  std::string name;  // for people; empty: "client ID"
  ClusterFile cluster;
  std::vector<std::string> metadata;  // "host:port" of each metadata daemon
  std::string nbd = "127.0.0.1:0";    // where to export volumes; empty: not at all
  env::LogSink* log = nullptr;        // outlives the client
  // Metadata does not take this client in, and trying again will not help: another cluster, a wrong
  // secret. Called on the client's thread.
  std::function<void(std::string_view reason)> on_refused;
};

class ClientServer {
 public:
  // Errors: the NBD address cannot be used. Metadata is looked for until it is there.
  static absl::StatusOr<std::unique_ptr<ClientServer>> Start(const ClientServerOptions& options);
  ClientServer(const ClientServer&) = delete;
  ClientServer& operator=(const ClientServer&) = delete;
  // Finishes what is under way, for some seconds at most.
  ~ClientServer();

  // With the port that was taken.
  const std::string& nbd_address() const;

  // An attached volume or snapshot, for synchronous use from any thread. It blocks until there is
  // an answer; through failures of nodes that is a matter of seconds.
  class Volume {
   public:
    // Its size now: it may grow while it is open. After its session has ended, what it was last.
    uint64_t size_bytes() const;
    // Multiples of 512, inside the volume. A write that returns OK is durable on all mirrors.
    absl::Status Read(uint64_t offset_bytes, std::span<uint8_t> target);
    absl::Status Write(uint64_t offset_bytes, std::span<const uint8_t> bytes);
    absl::Status Trim(uint64_t offset_bytes, uint64_t size_bytes);

   private:
    friend class ClientServer;
    struct Shared;
    explicit Volume(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
    std::shared_ptr<Shared> shared_;
  };
  // kNotFound unless a volume of this name ("~" and a global id names one, too) is attached to this
  // client. It stays that volume, whatever is renamed. The client outlives it.
  absl::StatusOr<Volume> Open(const std::string& name);

  // ---- For whoever brings his own asynchronous front end ----------------------------------------

  // The device of an attached volume. While somebody holds it, a plain detach is refused. After the
  // session has ended it answers everything with the reason. It is used and let go of on the
  // client's reactor only, before the client is destroyed.
  using Device = std::shared_ptr<block::BlockDevice>;

  // Runs `fn` on the client's reactor, in the order of the calls. Any thread.
  void Post(absl::AnyInvocable<void()> fn);
  // Likewise, and waits for it. Not from the reactor's own thread.
  void Run(absl::AnyInvocable<void()> fn);
  // Runs `fn` on the client's reactor with the device of the volume, nullptr if it is not attached.
  void WithDevice(const std::string& name, absl::AnyInvocable<void(Device device)> fn);

  // "location.cluster.number" of the attached volume that has this name; empty if there is none.
  // Not from the reactor's own thread.
  std::string GlobalIdOf(const std::string& name);

  // Both wait for at most `timeout` (negative: for ever); not from the reactor's own thread.
  // Until metadata has taken this client in. kPermissionDenied if it never will; kDeadlineExceeded
  // with what it has said last.
  absl::Status AwaitRegistered(Duration timeout);
  // Until the volume is attached here; then as WithDevice. kDeadlineExceeded.
  absl::Status AwaitDevice(const std::string& name, Duration timeout,
                           absl::AnyInvocable<void(Device device)> fn);

 private:
  class Impl;
  explicit ClientServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace storpool::embed
