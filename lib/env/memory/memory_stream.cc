#include "lib/env/memory/memory_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::env {

MemoryStream::MemoryStream(MemoryNetwork& hub, Reactor& reactor, std::string host,
                           std::string peer_host, std::string peer_address, StreamHandler* handler)
    : hub_(hub),
      reactor_(reactor),
      id_(hub.next_stream_++),
      host_(std::move(host)),
      peer_host_(std::move(peer_host)),
      peer_address_(std::move(peer_address)),
      handler_(handler),
      timer_(reactor, [this] { OnTime(); }) {
  hub_.streams_[id_] = this;
}

MemoryStream::~MemoryStream() {
  LifeWatch::Gone(watch_);
  Close();
}

void MemoryStream::Join(MemoryStream* a, MemoryStream* b) {
  a->peer_ = b;
  b->peer_ = a;
  b->connected_ = true;  // the accepted side
}

bool MemoryStream::Between(const std::string& a, const std::string& b) const {
  return (host_ == a && peer_host_ == b) || (host_ == b && peer_host_ == a);
}

bool MemoryStream::Stalled() const { return hub_.stalled_.contains({peer_host_, host_}); }

void MemoryStream::Send(std::span<const uint8_t> bytes) {
  if (closed_) return;
  out_.insert(out_.end(), bytes.begin(), bytes.end());
  reactor_.Schedule(Phase::kForward, this);
  reactor_.Schedule(Phase::kReport, this);
}

void MemoryStream::Send(Buffer buffer) { Send(std::span<const uint8_t>(buffer.span())); }

void MemoryStream::ResumeReading() {
  paused_ = false;
  Arm();
}

void MemoryStream::OnPhase(Phase) {
  if (out_.empty() || !connected_ || peer_ == nullptr) return;
  const size_t size = out_.size();
  peer_->Deliver({Delivery::Kind::kBytes, {}, std::exchange(out_, {}), {}}, size);
  handler_->OnDrained();
}

void MemoryStream::Deliver(Delivery delivery, size_t size_bytes) {
  if (closed_ || reset_) return;
  // By the clock of who receives, which may drift against the sender's.
  const Instant now = reactor_.clock().Now();
  last_at_ = std::max(last_at_, now + hub_.DelayOf(peer_host_, host_, size_bytes));
  delivery.at = last_at_;
  in_.push_back(std::move(delivery));
  Arm();
}

void MemoryStream::DeliverConnected() { Deliver({Delivery::Kind::kConnected, {}, {}, {}}, 0); }

void MemoryStream::DeliverClosed(absl::Status reason) {
  Deliver({Delivery::Kind::kClosed, {}, {}, std::move(reason)}, 0);
}

void MemoryStream::Reset() {
  if (reset_) return;
  reset_ = true;
  if (peer_ != nullptr) std::exchange(peer_, nullptr)->peer_ = nullptr;
  if (listener_ != nullptr) std::exchange(listener_, nullptr)->Forget(this);
  in_.clear();
  in_.push_back(
      {Delivery::Kind::kClosed,
       reactor_.clock().Now(),
       {},
       absl::UnavailableError(absl::StrCat("connection with ", peer_address_, " was reset"))});
  timer_.StartAt(in_.front().at);
}

void MemoryStream::Arm() {
  if (!in_.empty() && !closed_ && !paused_ && !Stalled()) timer_.StartAt(in_.front().at);
}

void MemoryStream::OnTime() {
  const LifeWatch watch(&watch_);
  while (!in_.empty() && in_.front().at <= reactor_.clock().Now()) {
    if ((Stalled() || paused_) && !reset_) return;
    Delivery delivery = std::move(in_.front());
    in_.pop_front();
    switch (delivery.kind) {
      case Delivery::Kind::kConnected:
        connected_ = true;
        if (!out_.empty()) reactor_.Schedule(Phase::kForward, this);
        handler_->OnConnected();
        break;
      case Delivery::Kind::kBytes:
        HandOn(delivery.bytes, watch);
        break;
      case Delivery::Kind::kClosed:
        Leave();
        return handler_->OnClosed(delivery.reason);  // may destroy this
    }
    if (watch.gone()) return;
  }
  Arm();
}

void MemoryStream::HandOn(std::span<const uint8_t> bytes, const LifeWatch& watch) {
  while (!bytes.empty() && !watch.gone() && !closed_) {
    const size_t size = hub_.piece_ ? hub_.piece_(bytes.size()) : bytes.size();
    const std::span<uint8_t> target = handler_->DirectTarget();
    SP_CHECK(size > 0 && size <= bytes.size());
    if (target.empty()) {
      handler_->OnBytes(bytes.first(size));
      bytes = bytes.subspan(size);
      continue;
    }
    const size_t part = std::min(size, target.size());
    std::memcpy(target.data(), bytes.data(), part);
    bytes = bytes.subspan(part);
    handler_->OnFilled(part);
  }
}

// No call comes any more; the peer is not told.
void MemoryStream::Leave() {
  if (closed_) return;
  closed_ = true;
  if (peer_ != nullptr) peer_->peer_ = nullptr;
  peer_ = nullptr;
  if (listener_ != nullptr) listener_->Forget(this);
  listener_ = nullptr;
  timer_.Stop();
  reactor_.Unschedule(this);
  in_.clear();
  out_.clear();
  hub_.streams_.erase(id_);
}

void MemoryStream::Close() {
  if (closed_) return;
  if (peer_ != nullptr) {
    peer_->DeliverClosed(absl::UnavailableError(absl::StrCat(host_, " closed the connection")));
  }
  Leave();
}

MemoryListener::MemoryListener(MemoryNetwork& hub, Reactor& reactor, std::string host,
                               std::string address, Network::Acceptor acceptor)
    : hub_(hub),
      reactor_(reactor),
      host_(std::move(host)),
      address_(std::move(address)),
      acceptor_(std::move(acceptor)),
      timer_(reactor, [this] { OnTime(); }) {
  hub_.listeners_[address_] = this;
}

MemoryListener::~MemoryListener() {
  LifeWatch::Gone(watch_);
  hub_.listeners_.erase(address_);
  for (const Waiting& waiting : waiting_) {
    waiting.client->set_listener(nullptr);
    waiting.client->DeliverClosed(
        absl::UnavailableError(absl::StrCat("cannot connect to ", address_, ": refused")));
  }
}

void MemoryListener::Connect(MemoryStream* client) {
  client->set_listener(this);
  waiting_.push_back({reactor_.clock().Now() + hub_.DelayOf(client->host(), host_, 0), client});
  Arm();
}

void MemoryListener::Forget(MemoryStream* client) {
  std::erase_if(waiting_, [client](const Waiting& w) { return w.client == client; });
}

void MemoryListener::Arm() {
  if (!waiting_.empty()) timer_.StartAt(waiting_.front().at);
}

void MemoryListener::OnTime() {
  const LifeWatch watch(&watch_);
  while (!watch.gone() && !waiting_.empty() && waiting_.front().at <= reactor_.clock().Now()) {
    MemoryStream* client = waiting_.front().client;
    waiting_.pop_front();
    client->set_listener(nullptr);
    Accept(client);
  }
  if (!watch.gone()) Arm();
}

void MemoryListener::Accept(MemoryStream* client) {
  auto server = std::make_unique<MemoryStream>(hub_, reactor_, host_, client->host(),
                                               absl::StrCat(client->host(), ":0"), nullptr);
  MemoryStream* raw = server.get();
  MemoryStream::Join(client, raw);
  client->DeliverConnected();
  const LifeWatch watch(raw->life());
  StreamHandler* handler = acceptor_(std::move(server));
  if (watch.gone()) return;
  if (handler != nullptr) {
    raw->set_handler(handler);
  } else {
    raw->Close();
  }
}

}  // namespace storpool::env
