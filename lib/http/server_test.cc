// The HTTP server over loopback, with clients that keep the rules and clients that do not.
#include "lib/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/api_limits.h"
#include "lib/env/posix/socket_address.h"

namespace storpool::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A connection of a client; every wait has an end.
class Client {
 public:
  explicit Client(const std::string& address) {
    env::SocketAddress to = *env::SocketAddress::Parse(address);
    fd_ = socket(to.storage.ss_family, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd_, to.raw(), to.size_bytes), 0);
  }
  ~Client() { close(fd_); }

  bool Send(const std::string& text) {
    return send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  void HalfClose() { shutdown(fd_, SHUT_WR); }
  // All until the server closes.
  std::string Receive() {
    std::string all;
    char buffer[4096];
    while (true) {
      pollfd wait = {fd_, POLLIN, 0};
      if (poll(&wait, 1, 30000) != 1) return all + "<nothing for 30 s>";
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n < 0) return all + "<reset>";
      if (n == 0) return all;
      all.append(buffer, static_cast<size_t>(n));
    }
  }

 private:
  int fd_;
};

std::string Get(const std::string& target) {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: x\r\nAuthorization: yes\r\n\r\n");
}
std::string Post(const std::string& body, const std::string& more = "") {
  return absl::StrCat("POST /p HTTP/1.1\r\nAuthorization: yes\r\nContent-Length: ", body.size(),
                      "\r\n", more, "\r\n", body);
}

class ServerTest : public testing::Test {
 protected:
  void Start(uint32_t connections_max = 0) {
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    options.connections_max = connections_max;
    options.admit = [](const Head& head) -> std::optional<Response> {
      if (head.authorization == "yes") return std::nullopt;
      return ErrorResponse(401, "unauthorized", "no", false);
    };
    options.handle = [this](Request request, Reply reply) { Handle(request, std::move(reply)); };
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // "/later" is answered when the test says so, all else at once with what was understood.
  void Handle(const Request& request, Reply reply) {
    if (request.head.target == "/later") {
      const std::lock_guard lock(mutex_);
      later_.push_back(std::move(reply));
      return;
    }
    reply([target = request.head.target, body = request.body] {
      return Response{200,
                      absl::StrCat("{\"target\":\"", target, "\",\"bytes\":", body.size(), "}")};
    });
  }
  size_t Waiting() {
    const std::lock_guard lock(mutex_);
    return later_.size();
  }
  void AwaitWaiting(size_t count) {
    while (Waiting() < count) std::this_thread::yield();
  }
  std::string Ask(const std::string& request) {
    Client client(server_->address());
    EXPECT_TRUE(client.Send(request));
    return client.Receive();
  }

  std::mutex mutex_;
  std::vector<Reply> later_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersAndCloses) {
  Start();
  const std::string answer = Ask(Get("/ctrl/1.0/DisksList"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nCache-Control: private\r\n"));
  EXPECT_THAT(answer, EndsWith("{\"target\":\"/ctrl/1.0/DisksList\",\"bytes\":0}"));
}

TEST_F(ServerTest, ReadsBodiesWithAndWithoutAType) {
  Start();
  EXPECT_THAT(Ask(Post("{\"a\":1}")), HasSubstr("\"bytes\":7"));
  EXPECT_THAT(Ask(Post("{\"a\":1}", "Content-Type: application/x-www-form-urlencoded\r\n")),
              HasSubstr("\"bytes\":7"));
  EXPECT_THAT(Ask(Post("")), HasSubstr("\"bytes\":0"));
  EXPECT_THAT(Ask("POST /p HTTP/1.1\r\nAuthorization: yes\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
              HasSubstr("\"bytes\":5"));
  EXPECT_THAT(Ask(Post(std::string(kHttpBodyBytesMax, 'x'))),
              HasSubstr(absl::StrCat("\"bytes\":", kHttpBodyBytesMax)));
}

TEST_F(ServerTest, TellsCurlToGoOn) {
  Start();
  Client client(server_->address());
  client.Send(
      "POST /p HTTP/1.1\r\nAuthorization: yes\r\nExpect: 100-continue\r\n"
      "Content-Length: 3\r\n\r\n");
  client.Send("abc");
  EXPECT_THAT(client.Receive(), StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"));
}

TEST_F(ServerTest, RefusesBeforeTheBody) {
  Start();
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 401 "));
  // The body that was announced is never sent.
  EXPECT_THAT(Ask("POST /p HTTP/1.1\r\nContent-Length: 100\r\n\r\n"),
              HasSubstr("\"unauthorized\""));
}

TEST_F(ServerTest, BoundsWhatItReads) {
  Start();
  const std::string too_large = absl::StrCat("Content-Length: ", kHttpBodyBytesMax + 1, "\r\n\r\n");
  EXPECT_THAT(Ask("POST /p HTTP/1.1\r\nAuthorization: yes\r\n" + too_large),
              StartsWith("HTTP/1.1 413 "));
  const std::string long_line(kHttpHeaderBytesMax + 100, 'x');
  EXPECT_THAT(Ask("GET /" + long_line + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nX: " + long_line + "\r\n\r\n"), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, RefusesWhatIsNotHttp) {
  Start();
  for (const char* text :
       {"nonsense\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n"}) {
    EXPECT_THAT(Ask(text), StartsWith("HTTP/1.1 400 ")) << text;
  }
  EXPECT_THAT(Ask(Get("/still/there")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, ForgetsClientsThatGoAway) {
  Start();
  { Client silent(server_->address()); }
  {
    Client half(server_->address());
    half.Send("POST /p HTTP/1.1\r\nAuthorization: yes\r\nContent-Length: 100\r\n\r\nhalf");
  }
  {
    Client waiting(server_->address());
    waiting.Send(Get("/later"));
    AwaitWaiting(1);
  }
  later_[0]([] { return Response{200, "{}"}; });
  EXPECT_THAT(Ask(Get("/still/there")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, AnswersAClientThatHasHalfClosed) {
  Start();
  Client client(server_->address());
  client.Send(Get("/later"));
  client.HalfClose();
  AwaitWaiting(1);
  later_[0]([] { return Response{200, "{\"late\":true}"}; });
  EXPECT_THAT(client.Receive(), EndsWith("{\"late\":true}"));
}

TEST_F(ServerTest, RefusesConnectionsBeyondTheLimit) {
  Start(2);
  Client one(server_->address()), two(server_->address());
  one.Send(Get("/later"));
  two.Send(Get("/later"));
  AwaitWaiting(2);
  for (int i = 0; i < 5; ++i) {
    const std::string refused = Ask(Get("/x"));
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(refused, HasSubstr("\"transient\":true"));
  }
  later_[0]([] { return Response{200, "{}"}; });
  EXPECT_THAT(one.Receive(), StartsWith("HTTP/1.1 200 "));
  std::string again;  // the place is free once the server has seen the end
  do {
    again = Ask(Get("/x"));
  } while (again.starts_with("HTTP/1.1 503 "));
  EXPECT_THAT(again, StartsWith("HTTP/1.1 200 "));
}

TEST_F(ServerTest, EndsWithRequestsUnderWay) {
  Start();
  Client waiting(server_->address()), half(server_->address());
  waiting.Send(Get("/later"));
  half.Send("POST /p HTTP/1.1\r\n");
  AwaitWaiting(1);
  server_.reset();
  later_[0]([] { return Response{200, "{}"}; });  // nobody takes it any more
  EXPECT_THAT(waiting.Receive(), testing::AnyOf("", "<reset>"));
}

TEST(ServerStart, NamesTheAddressThatItCannotHave) {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  const auto first = Server::Start(options);
  ASSERT_TRUE(first.ok());
  options.listen = (*first)->address();
  const absl::Status taken = Server::Start(options).status();
  EXPECT_THAT(taken.message(), HasSubstr(options.listen));
  options.listen = "nonsense";
  EXPECT_FALSE(Server::Start(options).ok());
  options.listen = "127.0.0.1:0";
  options.certificate_file = "/nowhere/certificate";
  EXPECT_THAT(Server::Start(options).status().message(), HasSubstr("--http_key"));
  options.key_file = "/nowhere/key";
  EXPECT_THAT(Server::Start(options).status().message(), HasSubstr("/nowhere/certificate"));
  options.certificate_file.clear();
  EXPECT_THAT(Server::Start(options).status().message(), HasSubstr("--http_certificate"));
}

}  // namespace
}  // namespace storpool::http
