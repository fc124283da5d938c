#include "cli/admin_client.h"

#include <chrono>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/rpc/api_error.h"

namespace storpool::cli {
namespace {

constexpr char kPayload[] = "storpool.ApiError";
constexpr int64_t kConnectSeconds = 20;

absl::Status FromApiError(const ApiError& error, grpc::StatusCode code) {
  absl::Status status(static_cast<absl::StatusCode>(code), error.descr());
  status.SetPayload(kPayload, absl::Cord(error.SerializeAsString()));
  return status;
}

// gRPC's own failures, in words that name the way out.
std::string Explain(const grpc::Status& status, const std::string& request,
                    const std::string& address, int64_t timeout) {
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::StrCat("metadata at ", address, " has not answered within ", timeout,
                        " s; what was asked may still happen");
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return absl::StrCat("metadata at ", address, " is of an older release that cannot do this (",
                        request, "): update storpool_metadata");
  }
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return status.error_message();
  return absl::StrCat("metadata at ", address, " cannot be reached (", status.error_message(),
                      "): start storpool_metadata, or name its address with --metadata=HOST:PORT");
}

// Whether there is a connection: what was not sent may be sent again.
bool IsConnected(grpc::Channel& channel, int64_t timeout_seconds) {
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(timeout_seconds);
  for (;;) {
    const grpc_connectivity_state state = channel.GetState(true);
    if (state == GRPC_CHANNEL_READY) return true;
    if (state != GRPC_CHANNEL_IDLE && state != GRPC_CHANNEL_CONNECTING) return false;
    if (!channel.WaitForStateChange(state, deadline)) return false;
  }
}

const char* NameOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound:
      return "objectDoesNotExist";
    case absl::StatusCode::kAlreadyExists:
      return "objectExists";
    case absl::StatusCode::kInvalidArgument:
      return "invalidParam";
    case absl::StatusCode::kResourceExhausted:
      return "insufficientResources";
    case absl::StatusCode::kUnavailable:
      return "busy";
    case absl::StatusCode::kUnimplemented:
      return "notSupported";
    default:
      return "internalError";
  }
}

// Not transient: who asks again may change it twice.
absl::Status MayBeDone(const grpc::Status& status, const std::string& request,
                       const std::string& address) {
  ApiError error;
  error.set_name("busy");
  error.set_descr(absl::StrCat("the connection to metadata at ", address, " was lost (",
                               status.error_message(), ") before it answered ", request,
                               ": look whether it was done before you say it again"));
  return FromApiError(error, status.error_code());
}

grpc::Status TryAt(
    const std::shared_ptr<grpc::Channel>& channel, int64_t timeout_seconds,
    const std::function<grpc::Status(Admin::StubInterface&, grpc::ClientContext&)>& call) {
  const std::unique_ptr<Admin::Stub> stub = Admin::NewStub(channel);
  grpc::ClientContext context;
  if (timeout_seconds != AdminClient::kForEver) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(timeout_seconds));
  }
  return call(*stub, context);
}

}  // namespace

ApiError ApiErrorOf(const absl::Status& status) {
  ApiError error;
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  if (payload.has_value() && error.ParseFromString(std::string(*payload))) return error;
  error.Clear();
  error.set_name(NameOf(status.code()));
  error.set_descr(std::string(status.message()));
  error.set_transient(status.code() == absl::StatusCode::kUnavailable);
  return error;
}

absl::Status AdminClient::Try(
    const Sending& sending,
    const std::function<grpc::Status(Admin::StubInterface&, grpc::ClientContext&)>& call) {
  grpc::Status status;
  std::string asked;
  for (const std::string& address : addresses_) {
    const std::shared_ptr<grpc::Channel> channel = connect_(address);
    const bool sent = !sending.only_once || IsConnected(*channel, kConnectSeconds);
    status = sent ? TryAt(channel, sending.timeout_seconds, call)
                  : grpc::Status(grpc::StatusCode::UNAVAILABLE, "no connection");
    if (status.ok()) return absl::OkStatus();
    asked = address;
    const bool from_metadata = !status.error_details().empty();
    if (from_metadata || status.error_code() != grpc::StatusCode::UNAVAILABLE) break;
    if (sending.only_once && sent) return MayBeDone(status, sending.request, address);
    asked = absl::StrJoin(addresses_, ", ");
  }
  ApiError error = rpc::ErrorOf(status);
  if (status.error_details().empty()) {
    error.set_name(NameOf(static_cast<absl::StatusCode>(status.error_code())));
    error.set_descr(Explain(status, sending.request, asked, sending.timeout_seconds));
  }
  return FromApiError(error, status.error_code());
}

absl::Status AdminClient::Backup(
    const std::function<absl::Status(const std::string& piece)>& on_piece) {
  absl::Status taken;
  const absl::Status status = Try({"MetadataBackupRequest", kForEver},
                                  [&](Admin::StubInterface& stub, grpc::ClientContext& context) {
                                    const auto reader =
                                        stub.MetadataBackup(&context, MetadataBackupRequest());
                                    MetadataBackupPiece piece;
                                    while (taken.ok() && reader->Read(&piece))
                                      taken = on_piece(piece.data());
                                    if (!taken.ok()) context.TryCancel();
                                    return reader->Finish();
                                  });
  return taken.ok() ? status : taken;
}

}  // namespace storpool::cli
