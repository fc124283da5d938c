// Commands asked over a whole metadata with honest nodes and clients: three nodes, two clients, and
// the volume "v" of template "t".
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/api/admin.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"

namespace storpool::api {

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster.Standard();
    cluster.AddClient(1);
    cluster.AddClient(2);
    cluster.Run(Duration::Millis(200));
    admin = std::make_unique<Admin>(cluster.leader(), cluster.reactor.clock(), Admin::Self());
    VolumeCreateRequest create;
    create.set_name("v");
    create.set_template_name("t");
    create.set_size_bytes(1 << 30);
    ASSERT_TRUE((Call<VolumeCreateAnswer>(create)).ok());
  }
  // Waits for the answer, while the cluster runs.
  template <class Answer, class Request>
  absl::StatusOr<Answer> Call(const Request& request) {
    std::optional<absl::StatusOr<Answer>> result;
    admin->Call(request, [&](absl::StatusOr<Answer> r) { result = std::move(r); });
    for (int i = 0; i < 100 && !result; ++i) cluster.Run(Duration::Millis(250));
    if (!result) return absl::InternalError("no answer");
    return *std::move(result);
  }
  void Attach(uint32_t client, const std::string& volume = "v") {
    AttachRequest attach;
    attach.set_volume(volume);
    attach.set_client(client);
    ASSERT_TRUE(Call<AttachAnswer>(attach).ok());
  }
  static SnapshotCreateRequest SnapshotOf(const std::string& volume, const std::string& name) {
    SnapshotCreateRequest request;
    request.add_volumes()->set_volume(volume);
    request.mutable_volumes(0)->set_name(name);
    return request;
  }
  metadata::FakeCluster cluster;
  std::unique_ptr<Admin> admin;
};

}  // namespace storpool::api
