#include "lib/link/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::link {
namespace {

// Who has sent nothing in a tick sends a keep-alive; who has heard nothing in three closes. Most of
// what an idle node is woken for, so as seldom as may be.
constexpr int64_t kTickMs = 750;
constexpr Duration kTick = Duration::Millis(kTickMs);
constexpr int kSilentTicksMax = 3;
static_assert(kTickMs * kSilentTicksMax < kEjectionMs, "a dead link is seen before a name");

// A hello lists the sender's disks and nothing longer.
constexpr uint32_t kHelloPayloadBytesMax = 4 + (kDiskIdMax + 1) * 18;

}  // namespace

Connection::Connection(const Local& local, env::Network& network, std::string_view address,
                       Handler& handler)
    : local_(local),
      handler_(&handler),
      accepted_(false),
      state_(State::kConnecting),
      reader_(local.pool, *this),
      tick_(local.reactor, [this] { OnTick(); }) {
  local_.entropy.Fill(nonce_);
  reader_.set_payload_bytes_max(kHelloPayloadBytesMax);
  stream_ = network.Connect(address, this);
  tick_.StartIn(kTick);
}

Connection::Connection(const Local& local, std::unique_ptr<env::Stream> stream, Handler& handler)
    : local_(local),
      handler_(&handler),
      accepted_(true),
      state_(State::kAwaitHello),
      reader_(local.pool, *this),
      tick_(local.reactor, [this] { OnTick(); }),
      stream_(std::move(stream)) {
  local_.entropy.Fill(nonce_);
  reader_.set_payload_bytes_max(kHelloPayloadBytesMax);
  tick_.StartIn(kTick);
}

Connection::~Connection() = default;

void Connection::Close() {
  state_ = State::kClosed;
  tick_.Stop();
  stream_->Close();
}

void Connection::Fail(const absl::Status& reason) {
  if (state_ == State::kClosed) return;
  Close();
  handler_->OnClosed(*this, reason);
}

void Connection::OnConnected() {
  state_ = State::kAwaitHello;
  SendHello(false);
}

void Connection::OnBytes(std::span<const uint8_t> bytes) {
  heard_ = true;
  const absl::Status status = reader_.OnBytes(bytes);
  if (!status.ok()) Fail(broken_.ok() ? status : broken_);
}

void Connection::OnFilled(size_t size_bytes) {
  heard_ = true;
  const absl::Status status = reader_.OnFilled(size_bytes);
  if (!status.ok()) Fail(broken_.ok() ? status : broken_);
}

void Connection::OnClosed(const absl::Status& reason) { Fail(reason); }

bool Connection::OnMessage(wire::Message&& message) {
  if (state_ == State::kReady && !std::holds_alternative<wire::Hello>(message)) {
    handler_->OnMessage(*this, std::move(message));
    return state_ != State::kClosed;
  }
  const auto* hello = std::get_if<wire::Hello>(&message);
  broken_ = hello == nullptr ? absl::DataLossError("a message came before the hello was complete")
            : state_ == State::kReady ? absl::DataLossError("a hello came twice")
                                      : OnHello(*hello);
  return broken_.ok() && state_ != State::kClosed;
}

absl::Status Connection::CheckPeer(const wire::Hello& hello) const {
  if (hello.cluster != local_.self.cluster) {
    return absl::PermissionDeniedError("it belongs to another cluster");
  }
  if (hello.protocol_min > local_.self.protocol_max ||
      hello.protocol_max < local_.self.protocol_min) {
    return absl::FailedPreconditionError(absl::StrCat(
        "it speaks protocols ", hello.protocol_min, " to ", hello.protocol_max, ", we speak ",
        local_.self.protocol_min, " to ", local_.self.protocol_max, ": upgrade the older one"));
  }
  const bool known = hello.is_client
                         ? hello.client.value() >= 1 && hello.client.value() <= kClientIdMax
                         : hello.node.value() <= kNodeIdMax;
  return known ? absl::OkStatus() : absl::DataLossError("its id is out of range");
}

// The connecting side: Hello, Hello with proof. The accepting side: one Hello, with proof.
absl::Status Connection::OnHello(const wire::Hello& hello) {
  SP_RETURN_IF_ERROR(CheckPeer(hello));
  if (accepted_ && state_ == State::kAwaitHello) {
    peer_ = hello;
    SendHello(true);
    state_ = State::kAwaitProof;
    return absl::OkStatus();
  }
  if (accepted_ && hello.nonce != peer_.nonce) return absl::DataLossError("its nonce changed");
  peer_ = hello;
  // Nobody else's proof, and not our own sent back.
  if (!EqualDigests(hello.proof, ProofOf(hello, !accepted_))) {
    return absl::PermissionDeniedError("its cluster secret is not ours");
  }
  if (!accepted_) SendHello(true);
  BecomeReady();
  return absl::OkStatus();
}

void Connection::BecomeReady() {
  state_ = State::kReady;
  reader_.set_payload_bytes_max(wire::kFramePayloadBytesMax);
  handler_->OnReady(*this);
}

Digest Connection::ProofOf(const wire::Hello& who, bool by_acceptor) const {
  std::string text;
  const auto add = [&text](const auto& bytes) { text.append(bytes.begin(), bytes.end()); };
  const auto add_number = [&text](uint64_t value) {
    for (int i = 0; i < 8; ++i) text.push_back(static_cast<char>(value >> (8 * i)));
  };
  add(std::string_view(by_acceptor ? "accept " : "connect"));
  add(accepted_ ? peer_.nonce : nonce_);
  add(accepted_ ? nonce_ : peer_.nonce);
  add(who.cluster);
  add_number(who.is_client ? 1 : 0);
  add_number(who.is_client ? who.client.value() : who.node.value());
  add_number(who.process.value());
  return KeyedDigest(local_.secret_key, text);
}

void Connection::SendHello(bool with_proof) {
  wire::Hello hello = local_.self;
  hello.nonce = nonce_;
  hello.proof = {};
  if (with_proof) hello.proof = ProofOf(hello, accepted_);
  uint8_t head[wire::kFrameHeadBytesMax];
  wire::Payload payload;
  const size_t head_bytes = wire::Encode(hello, local_.pool, head, payload);
  Queue({head, head_bytes}, payload);
}

void Connection::Queue(std::span<const uint8_t> head, const wire::Payload& payload) {
  sent_ = true;
  stream_->Send(head);
  for (const Buffer& part : payload) stream_->Send(part);
}

void Connection::OnTick() {
  silent_ticks_ = heard_ ? 0 : silent_ticks_ + 1;
  heard_ = false;
  if (silent_ticks_ >= kSilentTicksMax) {
    const std::string what =
        state_ == State::kConnecting
            ? "cannot be reached (no answer)"
            : absl::StrCat("has not been heard for ", kSilentTicksMax * kTickMs, " ms");
    return Fail(absl::DeadlineExceededError(what));
  }
  if (state_ == State::kReady && !sent_) {
    uint8_t head[kFrameHeaderBytes];
    Queue({head, wire::EncodeKeepAlive(head)}, {});
  }
  sent_ = false;
  tick_.StartIn(kTick);
}

std::string Connection::peer_name() const {
  const std::string at = stream_ != nullptr ? absl::StrCat(" at ", stream_->peer_address()) : "";
  if (state_ == State::kConnecting || state_ == State::kAwaitHello) return absl::StrCat("peer", at);
  return peer_.is_client ? absl::StrCat("client ", peer_.client.value(), at)
                         : absl::StrCat("node ", peer_.node.value(), at);
}

}  // namespace storpool::link
