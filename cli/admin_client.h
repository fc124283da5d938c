// Calls metadata's Admin service: the addresses in turn until one answers. Errors keep StorPool's
// name on their way (ApiErrorOf).
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/service.grpc.pb.h"

namespace storpool::cli {

// The ApiError that a status carries, or one made from its code.
ApiError ApiErrorOf(const absl::Status& status);

// Requests that are no longer the same when they come again: their answer lost, they are not sent
// once more, for the change may have been made.
template <class Request>
bool OnlyOnce(const Request&) {
  return false;
}
inline bool OnlyOnce(const VolumeUpdateRequest& request) { return request.size_add_bytes() > 0; }
// A revert that comes late takes away what was written since the first.
inline bool OnlyOnce(const VolumeRevertRequest&) { return true; }
// One with a name is made once, and with it all others of the request.
inline bool OnlyOnce(const SnapshotCreateRequest& request) {
  return std::ranges::all_of(request.volumes(), [](const auto& one) { return one.name().empty(); });
}

class AdminClient {
 public:
  using Connect = std::function<std::shared_ptr<grpc::Channel>(const std::string& address)>;
  static constexpr int64_t kTimeoutSeconds = 60;
  static constexpr int64_t kForEver = 0;

  AdminClient(std::vector<std::string> addresses, Connect connect)
      : addresses_(std::move(addresses)), connect_(std::move(connect)) {}

  template <class Request, class Answer>
  using Method = grpc::Status (Admin::StubInterface::*)(grpc::ClientContext*, const Request&,
                                                        Answer*);

  template <class Request, class Answer>
  absl::StatusOr<Answer> Call(Method<Request, Answer> method, const Request& request,
                              int64_t timeout_seconds = kTimeoutSeconds) {
    Answer answer;
    const Sending sending = {Request::descriptor()->name(), timeout_seconds, OnlyOnce(request)};
    const absl::Status status =
        Try(sending, [&](Admin::StubInterface& stub, grpc::ClientContext& context) {
          answer.Clear();
          return (stub.*method)(&context, request, &answer);
        });
    if (!status.ok()) return status;
    return answer;
  }

  // Gives the pieces of a backup in order, until one is refused.
  absl::Status Backup(const std::function<absl::Status(const std::string& piece)>& on_piece);

 private:
  struct Sending {
    std::string request;  // its name
    int64_t timeout_seconds;
    bool only_once = false;
  };
  absl::Status Try(
      const Sending& sending,
      const std::function<grpc::Status(Admin::StubInterface&, grpc::ClientContext&)>& call);

  const std::vector<std::string> addresses_;
  const Connect connect_;
};

}  // namespace storpool::cli
