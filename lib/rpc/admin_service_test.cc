// Commands over loopback: answers and errors arrive as metadata gave them.
#include "lib/rpc/admin_service.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "lib/env/posix/posix_reactor.h"
#include "lib/metadata/errors.h"
#include "lib/metadata/fake_cluster.h"
#include "lib/rpc/api_error.h"

namespace storpool::rpc {
namespace {

TEST(ToGrpc, KeepsNameTextAndCode) {
  const struct {
    absl::Status status;
    const char* name;
    bool transient;
  } cases[] = {
      {metadata::ObjectDoesNotExist("volume a is not there"), "objectDoesNotExist", false},
      {metadata::ObjectExists("volume a is there"), "objectExists", false},
      {metadata::Busy("it is attached"), "busy", false},
      {metadata::BusyForNow("wait"), "busy", true},
      {metadata::InvalidParam("size"), "invalidParam", false},
      {metadata::InsufficientResources("no room"), "insufficientResources", false},
      {absl::InternalError("what?"), "internalError", false},
  };
  for (const auto& c : cases) {
    const grpc::Status sent = ToGrpc(c.status);
    EXPECT_EQ(static_cast<int>(sent.error_code()), c.status.raw_code());
    const ApiError error = ErrorOf(sent);
    EXPECT_EQ(error.name(), c.name);
    EXPECT_EQ(error.descr(), std::string(c.status.message()));
    EXPECT_EQ(error.transient(), c.transient) << c.name;
  }
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
}

TEST(ErrorOf, MakesOneForErrorsFromElsewhere) {
  const ApiError away = ErrorOf({grpc::StatusCode::UNAVAILABLE, "connection refused"});
  EXPECT_EQ(away.name(), "internalError");
  EXPECT_EQ(away.descr(), "connection refused");
  EXPECT_TRUE(away.transient());
  const ApiError garbled = ErrorOf({grpc::StatusCode::INTERNAL, "text", "\xff\xff garbled"});
  EXPECT_EQ(garbled.descr(), "text");
  EXPECT_FALSE(garbled.transient());
}

// A leader in memory, whose commands come over gRPC. The test's thread is metadata's reactor; the
// caller is another thread, as gRPC's own are.
class AdminServiceTest : public testing::Test {
 protected:
  AdminServiceTest()
      : admin_((cluster_.Standard(), cluster_.leader()), reactor_.clock(),
               api::Admin::Self{"here", "0"}),
        service_(reactor_, admin_) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = storpool::Admin::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~AdminServiceTest() override { server_->Shutdown(); }

  template <class Request, class Answer>
  grpc::Status Call(grpc::Status (storpool::Admin::Stub::*method)(grpc::ClientContext*,
                                                                  const Request&, Answer*),
                    const Request& request, Answer& answer) {
    grpc::Status status;
    std::atomic<bool> ended = false;
    std::thread caller([&] {
      grpc::ClientContext context;
      status = ((*stub_).*method)(&context, request, &answer);
      ended = true;
      reactor_.Post([] {});
    });
    EXPECT_TRUE(reactor_.RunUntil(
        [&] {
          cluster_.Run(Duration::Millis(50));
          return ended.load();
        },
        Duration::Seconds(30)));
    caller.join();
    return status;
  }

  env::PosixReactor reactor_;
  metadata::FakeCluster cluster_;
  api::Admin admin_;
  AdminService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<storpool::Admin::Stub> stub_;
};

TEST_F(AdminServiceTest, ErrorsArriveWithTheirDetails) {
  VolumeInfoRequest request;
  request.set_name("missing");
  VolumeInfoAnswer answer;
  const grpc::Status status = Call(&storpool::Admin::Stub::VolumeInfo, request, answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  const ApiError error = ErrorOf(status);
  EXPECT_EQ(error.name(), "objectDoesNotExist");
  EXPECT_NE(error.descr().find("missing"), std::string::npos);
}

TEST_F(AdminServiceTest, AnswersArrive) {
  StatusAnswer answer;
  ASSERT_TRUE(Call(&storpool::Admin::Stub::Status, StatusRequest(), answer).ok());
  EXPECT_GT(answer.ByteSizeLong(), 0u);
}

// Without a client the attachment waits for ever; whoever asked for it does not keep the server.
TEST_F(AdminServiceTest, AStopEndsWhatIsWaitedFor) {
  cluster_.AddClient(1);
  cluster_.client(1).Kill(true);
  ASSERT_TRUE(cluster_.CreateVolume("v").ok());
  std::atomic<bool> answered = false, stopped = false;
  grpc::Status status;
  std::thread caller([&] {
    grpc::ClientContext context;
    AttachRequest request;
    request.set_volume("v");
    request.set_client(1);
    AttachAnswer answer;
    status = stub_->Attach(&context, request, &answer);
    answered = true;
  });
  // Metadata's time goes on, whether somebody asks it something or not.
  const auto run_until = [&](const auto& over) {
    for (int turn = 0; turn < 1000 && !over(); ++turn) {
      reactor_.RunUntil([] { return false; }, Duration::Millis(20));
      cluster_.Run(Duration::Millis(50));
    }
    return over();
  };
  ASSERT_TRUE(run_until([&] { return !cluster_.state().attachments().empty(); }));
  EXPECT_FALSE(answered);
  std::thread stopper([&] {
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
    stopped = true;
  });
  EXPECT_TRUE(run_until([&] { return stopped.load(); }));
  caller.join();
  stopper.join();
  EXPECT_FALSE(status.ok());
}

}  // namespace
}  // namespace storpool::rpc
