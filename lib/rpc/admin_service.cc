#include "lib/rpc/admin_service.h"

#include <deque>
#include <string>
#include <utility>

#include "lib/metadata/errors.h"

namespace storpool::rpc {
namespace {

// Sends the pieces of a backup, one write at a time. Deletes itself when gRPC is done with it.
class BackupStream final : public grpc::ServerWriteReactor<MetadataBackupPiece> {
 public:
  void Start(std::deque<MetadataBackupPiece> pieces, absl::Status status) {
    pieces_ = std::move(pieces);
    status_ = std::move(status);
    Next();
  }
  void OnWriteDone(bool ok) override {
    pieces_.pop_front();
    if (!ok) pieces_.clear();
    Next();
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (pieces_.empty()) return Finish(ToGrpc(status_));
    StartWrite(&pieces_.front());
  }
  std::deque<MetadataBackupPiece> pieces_;
  absl::Status status_;
};

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  ApiError error;
  error.set_name(std::string(metadata::ErrorName(status)));
  error.set_descr(std::string(status.message()));
  error.set_transient(status.code() == absl::StatusCode::kUnavailable);
  return {static_cast<grpc::StatusCode>(status.raw_code()), error.descr(),
          error.SerializeAsString()};
}

grpc::ServerWriteReactor<MetadataBackupPiece>* AdminService::MetadataBackup(
    grpc::CallbackServerContext*, const MetadataBackupRequest*) {
  auto* stream = new BackupStream;
  reactor_.Post([this, stream] {
    std::deque<MetadataBackupPiece> pieces;
    absl::Status status = admin_.Backup([&pieces](std::string_view piece) {
      pieces.emplace_back().set_data(piece.data(), piece.size());
    });
    if (!status.ok()) pieces.clear();
    stream->Start(std::move(pieces), std::move(status));
  });
  return stream;
}

}  // namespace storpool::rpc
