#include "lib/env/checked_stream.h"

#include <string>
#include <utility>

#include "lib/base/check.h"
#include "lib/env/life_watch.h"

namespace storpool::env {
namespace {

// Stands between the stream below, whose handler it is, and the handler above, whose stream it is.
class CheckedStream : public Stream, public StreamHandler {
 public:
  explicit CheckedStream(bool connected) : connected_(connected) {}
  ~CheckedStream() override {
    LifeWatch::Gone(watch_);
    state_ = State::kClosed;
    stream_ = nullptr;
  }
  void set_stream(std::unique_ptr<Stream> stream) { stream_ = std::move(stream); }
  void set_handler(StreamHandler* handler) { handler_ = handler; }
  LifeWatch** life() { return &watch_; }

  void Send(std::span<const uint8_t> bytes) override {
    Calling calling(this);
    stream_->Send(bytes);
  }
  void Send(Buffer buffer) override {
    Calling calling(this);
    stream_->Send(std::move(buffer));
  }
  size_t unsent_bytes() const override { return stream_->unsent_bytes(); }
  void PauseReading() override {
    Calling calling(this);
    stream_->PauseReading();
  }
  void ResumeReading() override {
    Calling calling(this);
    stream_->ResumeReading();
  }
  void Close() override {
    state_ = State::kClosed;
    stream_->Close();
  }
  std::string peer_address() const override { return stream_->peer_address(); }

  void OnConnected() override {
    CheckCall();
    SP_CHECK(!connected_);
    connected_ = true;
    handler_->OnConnected();
  }
  void OnBytes(std::span<const uint8_t> bytes) override {
    CheckCall();
    SP_CHECK(connected_ && !bytes.empty());
    SP_CHECK(handler_->DirectTarget().empty());
    handler_->OnBytes(bytes);
  }
  std::span<uint8_t> DirectTarget() override {
    CheckCall();
    const std::span<uint8_t> target = handler_->DirectTarget();
    target_bytes_ = target.size();
    return target;
  }
  void OnFilled(size_t size_bytes) override {
    CheckCall();
    SP_CHECK(connected_ && size_bytes > 0 && size_bytes <= target_bytes_);
    target_bytes_ = 0;
    handler_->OnFilled(size_bytes);
  }
  void OnDrained() override {
    CheckCall();
    SP_CHECK(connected_ && stream_->unsent_bytes() == 0);
    handler_->OnDrained();
  }
  void OnClosed(const absl::Status& reason) override {
    CheckCall();
    SP_CHECK(!reason.ok());
    state_ = State::kClosed;
    handler_->OnClosed(reason);
  }

 private:
  enum class State { kOpen, kClosed };
  struct Calling {
    explicit Calling(CheckedStream* s) : stream(s), before(std::exchange(s->calling_, true)) {}
    ~Calling() { stream->calling_ = before; }
    CheckedStream* stream;
    bool before;
  };
  void CheckCall() const { SP_CHECK(!calling_ && state_ == State::kOpen && handler_ != nullptr); }

  std::unique_ptr<Stream> stream_;
  StreamHandler* handler_ = nullptr;
  bool connected_;
  State state_ = State::kOpen;
  bool calling_ = false;
  size_t target_bytes_ = 0;
  LifeWatch* watch_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> CheckedNetwork::Listen(std::string_view address,
                                                                 Acceptor acceptor) {
  return network_.Listen(
      address,
      [acceptor = std::move(acceptor)](std::unique_ptr<Stream> below) mutable -> StreamHandler* {
        auto stream = std::make_unique<CheckedStream>(/*connected=*/true);
        CheckedStream* raw = stream.get();
        raw->set_stream(std::move(below));
        const LifeWatch watch(raw->life());
        StreamHandler* handler = acceptor(std::move(stream));
        if (watch.gone() || handler == nullptr) return nullptr;
        raw->set_handler(handler);
        return raw;
      });
}

std::unique_ptr<Stream> CheckedNetwork::Connect(std::string_view address, StreamHandler* handler) {
  auto stream = std::make_unique<CheckedStream>(/*connected=*/false);
  stream->set_handler(handler);
  stream->set_stream(network_.Connect(address, stream.get()));
  return stream;
}

}  // namespace storpool::env
