// Commands about attachments: what they wait for, and for how long.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "lib/api/api_fixture.h"
#include "lib/base/limits.h"

namespace storpool::api {
namespace {

using metadata::ErrorName;

constexpr char kIsDown[] =
    "client 1 is down: it gives volume v back when it returns; 'detach volume v client 1 force "
    "yes' does not wait for it";

class AttachmentsTest : public ApiTest {
 protected:
  // Client 1 has the volume, and does not give it back.
  void AttachSilent() {
    Attach(1);
    cluster.client(1).mute = true;
  }
  void Return() {
    cluster.client(1).mute = false;
    cluster.client(1).Start();
    cluster.Run(Duration::Seconds(3));
  }
  template <class Request>
  void Ask(const Request& request) {
    admin->Call(request, [this](absl::StatusOr<ChangeAnswer> r) { answer = std::move(r); });
    cluster.Run(Duration::Seconds(1));
  }
  static DetachRequest Detach() {
    DetachRequest detach;
    detach.set_volume("v");
    detach.set_client(1);
    return detach;
  }
  static ReassignRequest Move() {
    ReassignRequest move;
    move.add_entries()->set_volume("v");
    move.mutable_entries(0)->set_detach_all(true);
    move.mutable_entries(0)->add_rw(2);
    return move;
  }
  std::optional<absl::StatusOr<ChangeAnswer>> answer;
};

TEST_F(AttachmentsTest, AMoveWaitsUntilTheVolumeIsThere) {
  Attach(1);
  ReassignRequest move = Move();
  move.set_wait(true);
  ASSERT_TRUE(Call<ChangeAnswer>(move).ok());
  const auto list = Call<AttachListAnswer>(AttachListRequest());
  ASSERT_EQ(list->attachments_size(), 1);
  EXPECT_EQ(list->attachments(0).client(), 2u);
  EXPECT_FALSE(list->attachments(0).device().empty());
  cluster.client(2).holds_open = "v";
  move.mutable_entries(0)->set_rw(0, 1);
  EXPECT_EQ(Call<ChangeAnswer>(move).status().message(), "is open at here");
}

TEST_F(AttachmentsTest, AClientIsUpdatingUntilItSaysWhatItHas) {
  Attach(1);
  ClientStatusRequest request;
  request.set_client(1);
  request.set_wait(true);
  const auto settled = Call<ClientStatusAnswer>(request);
  ASSERT_EQ(settled->clients_size(), 1);
  EXPECT_EQ(settled->clients(0).status(), "ok");
  EXPECT_EQ(settled->clients(0).generation(), settled->clients(0).client_generation());
  EXPECT_LE(settled->clients(0).delay_ms(), 1000u);
  cluster.client(1).mute = true;
  cluster.Run(Duration::Seconds(5));
  EXPECT_GE(Call<ClientStatusAnswer>(request)->clients(0).delay_ms(), 5000u);
  cluster.client(1).Kill(true);
  EXPECT_EQ(Call<ClientStatusAnswer>(request)->clients(0).status(), "down");
  EXPECT_EQ(Call<ClientStatusAnswer>(request)->clients(0).delay_ms(), 0u);
  request.set_client(7);
  EXPECT_EQ(ErrorName(Call<ClientStatusAnswer>(request).status()), "objectDoesNotExist");
}

TEST_F(AttachmentsTest, ADetachDoesNotWaitForAClientThatStaysAway) {
  AttachSilent();
  Ask(Detach());
  cluster.client(1).Kill(true);
  cluster.Run(Duration::Millis(kClientReturnMs - 2000));
  EXPECT_FALSE(answer.has_value());
  cluster.Run(Duration::Seconds(4));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(ErrorName(answer->status()), "busy");
  EXPECT_EQ(answer->status().message(), kIsDown);
  Return();
  EXPECT_TRUE(cluster.state().attachments().empty());
}

TEST_F(AttachmentsTest, ADetachWaitsOutARestart) {
  AttachSilent();
  Ask(Detach());
  cluster.client(1).Kill(true);
  cluster.Run(Duration::Seconds(5));
  Return();
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->ok()) << answer->status();
}

// A new leader does not know it yet: nothing is begun that only the client could end.
TEST_F(AttachmentsTest, OtherRightsNeedTheClient) {
  Attach(1);
  cluster.client(1).Kill(true);
  cluster.Run(Duration::Millis(kClientReturnMs));
  admin.reset();
  cluster.RestartLeader();
  admin = std::make_unique<Admin>(cluster.leader(), cluster.reactor.clock(), Admin::Self());
  ReassignRequest change;
  change.add_entries()->set_volume("v");
  change.mutable_entries(0)->add_ro(1);
  Ask(change);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(ErrorName(answer->status()), "busy");
}

TEST_F(AttachmentsTest, AForcedDetachNeedsNoClient) {
  Attach(1);
  cluster.client(1).Kill(true);
  cluster.Run(Duration::Millis(kClientReturnMs + 1000));
  DetachRequest detach = Detach();
  EXPECT_EQ(ErrorName(Call<ChangeAnswer>(detach).status()), "busy");
  detach.set_force(true);
  EXPECT_TRUE(Call<ChangeAnswer>(detach).ok());
}

TEST_F(AttachmentsTest, AMoveDoesNotWaitForAClientThatStaysAway) {
  AttachSilent();
  Ask(Move());
  cluster.client(1).Kill(true);
  cluster.Run(Duration::Seconds(5));
  EXPECT_FALSE(answer.has_value());
  cluster.Run(Duration::Millis(kClientReturnMs));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status().message(), kIsDown);
}

TEST_F(AttachmentsTest, AMoveThatIsLateSaysWhatIsMissing) {
  cluster.client(2).Kill(true);
  ReassignRequest move = Move();
  move.set_wait(true);
  move.set_timeout_seconds(1);
  EXPECT_EQ(Call<ChangeAnswer>(move).status().message(),
            "volume v is not there yet on client 2; it goes on; see attach list");
  AttachSilent();
  move.mutable_entries(0)->clear_rw();
  move.mutable_entries(0)->clear_detach_all();
  move.mutable_entries(0)->add_detach(1);
  EXPECT_EQ(Call<ChangeAnswer>(move).status().message(),
            "client 1 has not given volume v back yet; it goes on; see attach list");
}

}  // namespace
}  // namespace storpool::api
