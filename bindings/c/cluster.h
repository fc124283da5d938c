// A cluster as a C program holds it: its settings, and once connected, a client with its thread.
#pragma once

#include <signal.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "bindings/c/attachments.h"
#include "bindings/c/requests.h"
#include "bindings/c/storpool.h"
#include "lib/embed/client_server.h"

struct sp_cluster {
 public:
  sp_cluster() = default;
  sp_cluster(const sp_cluster&) = delete;
  sp_cluster& operator=(const sp_cluster&) = delete;
  // All volumes are closed.
  ~sp_cluster();

  absl::Status Set(std::string_view key, const std::string& value);
  absl::Status Connect(int64_t timeout_ms);

  // The number of `status`, whose text is kept for sp_cluster_message.
  int Failed(const absl::Status& status);
  int Failed(int error, std::string_view text);
  std::string message() const;

  // Null unless connected.
  storpool::embed::ClientServer* client() { return client_.get(); }
  storpool::capi::Requests& requests() { return *requests_; }
  const storpool::capi::Attachments& attachments() const { return *attachments_; }
  // Whether the caller is a callback.
  bool OnOwnThread() const { return std::this_thread::get_id() == thread_; }

  std::atomic<uint64_t> open_volumes = 0;

 private:
  absl::Status Start(int64_t timeout_ms);
  void Disconnect();

  std::vector<std::string> metadata_;
  std::string cluster_file_;
  storpool::ClientId id_;  // 0: not set
  std::unique_ptr<storpool::env::LogSink> log_;
  std::unique_ptr<storpool::embed::ClientServer> client_;
  std::unique_ptr<storpool::capi::Requests> requests_;
  std::unique_ptr<storpool::capi::Attachments> attachments_;
  std::thread::id thread_;  // of the client's reactor

  mutable std::mutex mutex_;  // guards what follows
  std::string message_;
};

namespace storpool::capi {

// While it lives, threads that are started inherit that all signals are blocked: they are the
// program's own affair.
class SignalsBlocked {
 public:
  SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked();

 private:
  sigset_t before_;
};

}  // namespace storpool::capi
