// The metadata service on a thread of its own: what storpool_metadata is, and what an appliance
// links.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/api/admin.h"
#include "lib/env/log_sink.h"

namespace storpool::embed {

struct MetadataServerOptions {
  std::string folder;                  // made by InitMetadata (`storpoolctl metadata init`)
  std::string listen = "127.0.0.1:0";  // for nodes, clients and storpoolctl
  // For the JSON API, which asks for the token of the folder (token_file.h); empty: none.
  std::string http = "";
  std::string http_certificate = "", http_key = "";  // files in PEM form: the API speaks TLS
  env::LogSink* log = nullptr;                       // outlives the server
};

class MetadataServer {
 public:
  // Errors name the folder or address and the way out.
  static absl::StatusOr<std::unique_ptr<MetadataServer>> Start(
      const MetadataServerOptions& options);
  MetadataServer(const MetadataServer&) = delete;
  MetadataServer& operator=(const MetadataServer&) = delete;
  ~MetadataServer();

  // With the port that was taken.
  const std::string& address() const;
  // Of the JSON API; empty if there is none.
  std::string http_address() const;

  // Waits until so many nodes and clients have registered. kDeadlineExceeded after `seconds`.
  struct Services {
    size_t nodes = 0;
    size_t clients = 0;
    int seconds = 60;
  };
  absl::Status WaitForServices(const Services& wanted);

  // Runs an admin command (proto/admin.proto) and waits for its answer. Any thread but the
  // server's.
  //   metadata->Call<VolumeCreateAnswer>(request)
  template <class Answer, class Request>
  absl::StatusOr<Answer> Call(const Request& request) {
    absl::StatusOr<Answer> result;
    RunAdmin([&](api::Admin& admin, absl::AnyInvocable<void()> done) {
      admin.Call(request, [&result, done = std::move(done)](absl::StatusOr<Answer> answer) mutable {
        result = std::move(answer);
        done();
      });
    });
    return result;
  }

 private:
  class Impl;
  explicit MetadataServer(std::unique_ptr<Impl> impl);
  void RunAdmin(absl::AnyInvocable<void(api::Admin& admin, absl::AnyInvocable<void()> done)> fn);
  std::unique_ptr<Impl> impl_;
};

}  // namespace storpool::embed
