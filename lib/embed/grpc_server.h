// A gRPC server on one address, with health checks and reflection.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace storpool::embed {

class GrpcServer {
 public:
  // `address` is "host:port", port 0 for any. The services outlive the server. Errors name the
  // address and the way out.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const std::string& address, const std::vector<grpc::Service*>& services);
  // Breaks the streams that stand and waits for gRPC's threads.
  ~GrpcServer();

  // With the port that was taken.
  const std::string& address() const { return address_; }

 private:
  GrpcServer(std::unique_ptr<grpc::Server> server, std::string address);

  std::unique_ptr<grpc::Server> server_;
  const std::string address_;
};

}  // namespace storpool::embed
