#include "bindings/c/attachments.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/rpc/api_error.h"
#include "proto/service.grpc.pb.h"

namespace storpool::capi {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBetweenRounds{100};

absl::Status FromMetadata(const grpc::Status& status) {
  const ApiError error = rpc::ErrorOf(status);
  // "busy" travels as kUnavailable, which is for metadata that cannot be reached here.
  const auto code = error.name() == "busy" ? absl::StatusCode::kFailedPrecondition
                                           : static_cast<absl::StatusCode>(status.error_code());
  return absl::Status(code, error.descr());
}

std::unique_ptr<Admin::Stub> StubFor(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // metadata is near; a proxy is for elsewhere
  // gRPC's own back-off would outlast a restart of metadata.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return Admin::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

}  // namespace

Deadline DeadlineIn(int64_t timeout_ms) {
  const Deadline now = std::chrono::steady_clock::now();
  const auto left = std::chrono::duration_cast<milliseconds>(Deadline::max() - now).count();
  if (timeout_ms < 0 || timeout_ms >= left) return Deadline::max();
  return now + milliseconds(timeout_ms);
}

Duration LeftUntil(Deadline deadline) {
  if (deadline == Deadline::max()) return Duration::Millis(-1);
  const auto left = deadline - std::chrono::steady_clock::now();
  return Duration::Nanos(std::max<int64_t>(0, std::chrono::nanoseconds(left).count()));
}

template <class Call>
absl::Status Attachments::Ask(const std::string& what, Deadline deadline, const Call& call) const {
  std::string last = "no answer";
  while (true) {
    for (const std::string& address : metadata_) {
      grpc::ClientContext context;
      if (deadline != Deadline::max()) {
        context.set_deadline(std::chrono::system_clock::now() +
                             std::chrono::nanoseconds(LeftUntil(deadline).nanos()));
      }
      const grpc::Status status = call(*StubFor(address), context);
      if (status.ok()) return absl::OkStatus();
      const bool unanswered = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                              status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
      if (!unanswered || !status.error_details().empty()) return FromMetadata(status);
      last = status.error_message();
    }
    if (LeftUntil(deadline) == Duration()) {
      return absl::DeadlineExceededError(absl::StrCat(
          what, ": metadata at ", absl::StrJoin(metadata_, ", "), " has not answered: ", last));
    }
    std::this_thread::sleep_for(kBetweenRounds);
  }
}

absl::Status Attachments::Attach(const std::string& volume, bool read_only,
                                 Deadline deadline) const {
  AttachRequest request;
  request.set_volume(volume);
  request.set_client(client_.value());
  request.set_rights(read_only ? READ_ONLY : READ_WRITE);
  request.set_no_wait(true);
  return Ask(absl::StrCat("attach ", volume), deadline,
             [&](Admin::Stub& stub, grpc::ClientContext& context) {
               AttachAnswer answer;
               return stub.Attach(&context, request, &answer);
             });
}

absl::Status Attachments::Detach(const std::string& volume, Deadline deadline) const {
  DetachRequest request;
  request.set_volume(volume);
  request.set_client(client_.value());
  return Ask(absl::StrCat("detach ", volume), deadline,
             [&](Admin::Stub& stub, grpc::ClientContext& context) {
               ChangeAnswer answer;
               return stub.Detach(&context, request, &answer);
             });
}

}  // namespace storpool::capi
