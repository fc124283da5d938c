#include "lib/http/connection.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "lib/base/api_limits.h"

namespace storpool::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Error = beast::error_code;
using Tls = beast::ssl_stream<beast::tcp_stream>;

std::string Text(beast::string_view text) { return {text.data(), text.size()}; }

Method MethodOf(beast::http::verb verb) {
  if (verb == beast::http::verb::get) return Method::kGet;
  if (verb == beast::http::verb::post) return Method::kPost;
  return Method::kOther;
}

// The answer to a request that could not be read; nothing if nobody waits for one.
std::optional<Response> Unreadable(const Error& error) {
  using Cause = beast::http::error;
  if (error == Cause::header_limit) {
    return ErrorResponse(431, "invalidParam", "the header of the request is too large", false);
  }
  if (error == Cause::body_limit) {
    return ErrorResponse(413, "invalidParam",
                         "the body of the request is too large; send several requests", false);
  }
  const bool unfinished = error == Cause::end_of_stream || error == Cause::partial_message;
  if (unfinished || error.category() != Error(Cause::bad_value).category()) {
    return std::nullopt;
  }
  return ErrorResponse(400, "invalidParam", "this is not an HTTP request: " + error.message(),
                       false);
}

template <class Stream>
class StreamConnection final : public Connection,
                               public std::enable_shared_from_this<StreamConnection<Stream>> {
 public:
  template <class... Arguments>
  StreamConnection(ConnectionPlan plan, Arguments&&... arguments)
      : plan_(std::move(plan)),
        stream_(std::forward<Arguments>(arguments)...),
        timer_(stream_.get_executor()) {
    parser_.header_limit(kHttpHeaderBytesMax);
    parser_.body_limit(kHttpBodyBytesMax);
  }
  ~StreamConnection() override { plan_.on_end(this); }

  void Start() override {
    Lowest().expires_after(std::chrono::milliseconds(kHttpReceiveMs));
    if constexpr (kTls) {
      stream_.async_handshake(asio::ssl::stream_base::server, [self = Self()](const Error& error) {
        error ? self->Close() : self->Begin();
      });
    } else {
      Begin();
    }
  }

  void Close() override {
    Error ignored;
    timer_.cancel();
    Lowest().socket().close(ignored);
  }

 private:
  static constexpr bool kTls = std::is_same_v<Stream, Tls>;

  std::shared_ptr<StreamConnection> Self() { return this->shared_from_this(); }
  beast::tcp_stream& Lowest() { return beast::get_lowest_layer(stream_); }

  void Begin() {
    if (plan_.refused) {
      return Send(ErrorResponse(503, "insufficientResources",
                                "too many connections at once; close some, or try again", true));
    }
    beast::http::async_read_header(stream_, buffer_, parser_,
                                   [self = Self()](const Error& error, size_t) {
                                     error ? self->Fail(error) : self->HeaderRead();
                                   });
  }

  void HeaderRead() {
    const auto& header = parser_.get();
    request_.head.method = MethodOf(header.method());
    request_.head.target = Text(header.target());
    request_.head.authorization = Text(header[beast::http::field::authorization]);
    if (std::optional<Response> refusal = plan_.options->admit(request_.head)) {
      return Send(*std::move(refusal));
    }
    if (!beast::iequals(header[beast::http::field::expect], "100-continue")) return ReadBody();
    static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kGoOn), [self = Self()](const Error& error, size_t) {
      error ? self->Close() : self->ReadBody();
    });
  }

  void ReadBody() {
    beast::http::async_read(stream_, buffer_, parser_, [self = Self()](const Error& error, size_t) {
      error ? self->Fail(error) : self->BodyRead();
    });
  }

  void BodyRead() {
    request_.body = std::move(parser_.get().body());
    Lowest().expires_never();
    Watch();
    request_.caller = Self();
    plan_.options->handle(std::move(request_), MakeReply());
  }

  // The answer may come from any thread, and after the server has gone.
  Reply MakeReply() {
    return [weak = std::weak_ptr(Self()), context = plan_.context](MakeResponse make) mutable {
      const auto alive = context.lock();
      if (alive == nullptr) return;
      asio::post(*alive, [weak = std::move(weak), make = std::move(make)]() mutable {
        if (const auto self = weak.lock()) self->Send(make());
      });
    };
  }

  void Fail(const Error& error) {
    if (std::optional<Response> response = Unreadable(error)) return Send(*std::move(response));
    Close();
  }

  // Reads and drops what comes after the request: it tells when the client goes.
  void Watch() {
    watching_ = true;
    stream_.async_read_some(asio::buffer(dropped_), [self = Self()](const Error& error, size_t) {
      self->watching_ = false;
      if (!error) return self->Watch();
      // Half closed: it may still wait for its answer.
      if (error == asio::error::eof && !self->sent_) return self->CloseIn(kHttpSendMs);
      self->Close();
    });
  }

  void CloseIn(int64_t ms) {
    timer_.expires_after(std::chrono::milliseconds(ms));
    timer_.async_wait([self = Self()](const Error& error) {
      if (!error) self->Close();
    });
  }

  void Send(Response response) {
    if (sending_) return;
    sending_ = true;
    answer_.version(11);
    answer_.result(response.status);
    answer_.set(beast::http::field::content_type, "application/json");
    answer_.set(beast::http::field::cache_control, "private");
    answer_.keep_alive(false);
    answer_.body() = std::move(response.body);
    answer_.prepare_payload();
    SendSome();
  }

  void SendSome() {
    Lowest().expires_after(std::chrono::milliseconds(kHttpSendMs));
    beast::http::async_write_some(stream_, serializer_,
                                  [self = Self()](const Error& error, size_t) {
                                    if (error) return self->Close();
                                    self->serializer_.is_done() ? self->Sent() : self->SendSome();
                                  });
  }

  // Closing with something unread would reset the connection, and the client might lose the answer.
  void Sent() {
    sent_ = true;
    CloseIn(kHttpDrainMs);
    if constexpr (kTls) {
      stream_.async_shutdown([self = Self()](const Error&) { self->Close(); });
    } else {
      Error ignored;
      Lowest().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
      Lowest().expires_never();
      if (!watching_) Watch();
    }
  }

  const ConnectionPlan plan_;
  Stream stream_;
  asio::steady_timer timer_;
  beast::flat_buffer buffer_{kHttpHeaderBytesMax + kHttpBodyBytesMax};
  beast::http::request_parser<beast::http::string_body> parser_;
  Request request_;
  beast::http::response<beast::http::string_body> answer_;
  beast::http::response_serializer<beast::http::string_body> serializer_{answer_};
  std::array<char, 1024> dropped_;
  bool watching_ = false;
  bool sending_ = false;
  bool sent_ = false;
};

}  // namespace

std::shared_ptr<Connection> MakeConnection(asio::ip::tcp::socket socket, ConnectionPlan plan) {
  if (plan.tls == nullptr) {
    return std::make_shared<StreamConnection<beast::tcp_stream>>(std::move(plan),
                                                                 std::move(socket));
  }
  asio::ssl::context& tls = *plan.tls;
  return std::make_shared<StreamConnection<Tls>>(std::move(plan), std::move(socket), tls);
}

}  // namespace storpool::http
