// Carries requests of any thread to the reactor of a client, and their ends back.
//
// Invariants: a request that was accepted calls back exactly once, on the reactor, never from
// within Submit. A volume and its device live while requests of it are under way. In steady state a
// request allocates nothing: it takes one lock when it is submitted, and one when it has ended;
// requests that are submitted while the reactor is busy share one wake-up.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "bindings/c/storpool.h"
#include "lib/block/block_device.h"
#include "lib/block/io_queue.h"
#include "lib/embed/client_server.h"

namespace storpool::capi {

// What requests need to know about a volume.
struct Target {
  embed::ClientServer::Device device;  // reactor only
  uint64_t under_way = 0;              // of Requests, like the next
  bool closing = false;
};

// One request, as its caller has said it.
struct Wanted {
  block::BlockOp op = block::BlockOp::kFlush;
  uint8_t* memory = nullptr;  // kRead: filled; kWrite: only read
  uint64_t size_bytes = 0;
  uint64_t offset_bytes = 0;
  sp_done done = nullptr;
  void* context = nullptr;
};

class Requests {
 public:
  // `client` outlives this object, which is destroyed when nothing is under way any more.
  explicit Requests(embed::ClientServer& client);
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;
  ~Requests();

  // Any thread. False if the target is closing: nothing will be called.
  bool Submit(Target& target, const Wanted& wanted);
  // Waits until nothing of the target is under way; refuses what is submitted from now on. Not on
  // the reactor.
  void Close(Target& target);

 private:
  class Request;
  void StartSubmitted();
  void Return(Request* request);

  embed::ClientServer& client_;
  std::mutex mutex_;  // guards what follows, and the counters of targets
  std::condition_variable idle_;
  std::vector<std::unique_ptr<Request>> all_;
  block::IoQueue spare_;
  block::IoQueue submitted_;  // not empty: StartSubmitted is posted
};

}  // namespace storpool::capi
