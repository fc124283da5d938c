#include "lib/sim/wire_tap.h"

#include <cstring>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/wire/codec.h"
#include "lib/wire/frame.h"

namespace storpool::sim {
namespace {

// Collects what is sent, and passes it on frame by frame.
class TapStream final : public env::Stream {
 public:
  TapStream(Site& site, std::string host, std::unique_ptr<env::Stream> inner)
      : site_(site), host_(std::move(host)), inner_(std::move(inner)) {}

  void Send(std::span<const uint8_t> bytes) override {
    frame_.insert(frame_.end(), bytes.begin(), bytes.end());
    while (PassOne()) {
    }
  }
  void Send(Buffer buffer) override { Send(buffer.span()); }
  size_t unsent_bytes() const override { return inner_->unsent_bytes(); }
  void PauseReading() override { inner_->PauseReading(); }
  void ResumeReading() override { inner_->ResumeReading(); }
  void Close() override { inner_->Close(); }
  std::string peer_address() const override { return inner_->peer_address(); }

 private:
  bool PassOne() {
    if (frame_.size() < kFrameHeaderBytes) return false;
    wire::FrameHeader header;
    std::memcpy(&header, frame_.data(), sizeof header);
    const size_t size = kFrameHeaderBytes + header.body_bytes + header.payload_bytes;
    if (frame_.size() < size) return false;
    Observe(header, size);
    if (site_.seams.on_send && header.type != static_cast<uint8_t>(wire::FrameType::kKeepAlive)) {
      SendChanged(header, size);
    } else {
      inner_->Send(std::span<const uint8_t>(frame_).first(size));
    }
    frame_.erase(frame_.begin(), frame_.begin() + static_cast<ptrdiff_t>(size));
    return true;
  }

  void Observe(const wire::FrameHeader& header, size_t size) {
    Traffic& traffic = site_.traffic;
    ++traffic.frames;
    traffic.frame_bytes += size;
    site_.world.trace().Add(uint64_t{Crc32c(frame_.data(), size)});
    switch (static_cast<wire::FrameType>(header.type)) {
      case wire::FrameType::kWriteRequest:
        site_.ledger.Asked(std::get<wire::WriteRequest>(Decoded(header)));
        break;
      case wire::FrameType::kWriteAnswer:
        site_.ledger.Answered(std::get<wire::WriteAnswer>(Decoded(header)));
        break;
      case wire::FrameType::kSyncScan:
      case wire::FrameType::kSyncStream:
        ++traffic.resync_entries;
        traffic.resync_bytes += header.payload_bytes;
        break;
      case wire::FrameType::kConfirm:
        ++traffic.confirmations;
        break;
      case wire::FrameType::kRepairAnswer:
        traffic.repairs += header.payload_bytes > 0 ? 1 : 0;
        break;
      default:
        break;
    }
  }

  // The frame at the front.
  wire::Message Decoded(const wire::FrameHeader& header) {
    const std::span<const uint8_t> all(frame_);
    const auto body = all.subspan(kFrameHeaderBytes, header.body_bytes);
    const auto data = all.subspan(kFrameHeaderBytes + header.body_bytes, header.payload_bytes);
    absl::StatusOr<wire::Message> message =
        wire::Decode(header, body, data.empty() ? Buffer() : pool_.Copy(data), pool_);
    SP_CHECK(message.ok());
    return *std::move(message);
  }

  void SendChanged(const wire::FrameHeader& header, size_t size) {
    wire::Message message = Decoded(header);
    if (std::holds_alternative<wire::Hello>(message)) {
      return inner_->Send(std::span<const uint8_t>(frame_).first(size));
    }
    site_.seams.on_send(host_, message);
    std::vector<uint8_t> head(wire::kFrameHeadBytesMax);
    wire::Payload payload;
    head.resize(wire::Encode(message, pool_, head, payload));
    inner_->Send(std::span<const uint8_t>(head));
    for (const Buffer& part : payload) inner_->Send(std::span<const uint8_t>(part.span()));
  }

  Site& site_;
  const std::string host_;
  const std::unique_ptr<env::Stream> inner_;
  BufferPool pool_;
  std::vector<uint8_t> frame_;
};

class TapNetwork final : public env::Network {
 public:
  TapNetwork(Site& site, std::unique_ptr<env::Network> inner, std::string host)
      : site_(site), inner_(std::move(inner)), host_(std::move(host)) {}

  absl::StatusOr<std::unique_ptr<env::Listener>> Listen(std::string_view address,
                                                        Acceptor acceptor) override {
    return inner_->Listen(address, [this, acceptor = std::move(acceptor)](
                                       std::unique_ptr<env::Stream> stream) mutable {
      return acceptor(std::make_unique<TapStream>(site_, host_, std::move(stream)));
    });
  }
  std::unique_ptr<env::Stream> Connect(std::string_view address,
                                       env::StreamHandler* handler) override {
    return std::make_unique<TapStream>(site_, host_, inner_->Connect(address, handler));
  }

 private:
  Site& site_;
  const std::unique_ptr<env::Network> inner_;
  const std::string host_;
};

}  // namespace

std::unique_ptr<env::Network> MakeTappedNetwork(Site& site, env::Reactor& reactor,
                                                std::string host) {
  auto inner = site.network.Attach(reactor, host);
  return std::make_unique<TapNetwork>(site, std::move(inner), std::move(host));
}

}  // namespace storpool::sim
