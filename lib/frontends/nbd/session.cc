#include "lib/frontends/nbd/session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/limits.h"
#include "lib/frontends/nbd/operation.h"

namespace storpool::nbd {
namespace {

constexpr std::string_view kComponent = "nbd";

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Session::Session(Host& host, std::unique_ptr<env::Stream> stream)
    : host_(host),
      stream_(std::move(stream)),
      peer_(stream_->peer_address()),
      negotiation_(host.exports()),
      replies_(*stream_),
      deadline_(host.reactor(), [this] { OnDeadline(); }) {
  stream_->Send(Bytes(EncodeGreeting()));
  deadline_.StartIn(Duration::Millis(kNbdNegotiationMs));
}

Session::~Session() = default;

// --- What comes in ---

void Session::OnBytes(std::span<const uint8_t> bytes) {
  if (stalled_) {  // What the stream had received before it was paused.
    backlog_.insert(backlog_.end(), bytes.begin(), bytes.end());
    return;
  }
  Consume(&bytes);
  if (stalled_) {
    backlog_.assign(bytes.begin(), bytes.end());
    backlog_at_ = 0;
  }
}

// Until all is taken, or the session stalls or ends.
void Session::Consume(std::span<const uint8_t>* bytes) {
  while (reading() && !stalled_) {
    const Parser::Event event = parser_.Next(bytes);
    if (event == Parser::Event::kNeedMore) return;
    OnEvent(event);
  }
}

void Session::OnEvent(Parser::Event event) {
  std::string answer;
  switch (event) {
    case Parser::Event::kClientFlags:
      AfterNegotiation(negotiation_.OnClientFlags(parser_.client_flags()), answer);
      return;
    case Parser::Event::kOption: {
      const Negotiation::Next next = negotiation_.OnOption(parser_.option(), parser_.option_data(),
                                                           parser_.option_too_big(), &answer);
      AfterNegotiation(next, answer);
      return;
    }
    case Parser::Event::kRequest:
      OnRequest();
      return;
    case Parser::Event::kPayloadDone:
      if (receiving_ != nullptr) {
        StartReceived();
      } else {
        Refuse(parser_.request(), refusal_);
      }
      return;
    case Parser::Event::kBroken:
      Break(parser_.broken_reason());
      return;
    case Parser::Event::kNeedMore:
      return;
  }
}

void Session::AfterNegotiation(Negotiation::Next next, const std::string& answer) {
  if (!answer.empty()) stream_->Send(Bytes(answer));
  switch (next) {
    case Negotiation::Next::kOption:
      return;
    case Negotiation::Next::kTransmit:
      replies_.set_structured(negotiation_.agreement().structured_replies);
      parser_.BeginTransmission();
      state_ = State::kServing;
      deadline_.Stop();
      host_.log().Log(
          env::LogLevel::kInfo, kComponent,
          absl::StrCat(peer_, " opened export \"", negotiation_.agreement().export_name, "\""));
      return;
    case Negotiation::Next::kFinish:
      Drain();
      return;
    case Negotiation::Next::kDrop:
      Break(negotiation_.drop_reason());
      return;
  }
}

std::span<uint8_t> Session::DirectTarget() {
  if (receiving_ == nullptr) return {};
  const std::span<uint8_t> missing = parser_.missing_payload();
  return missing.size() >= kDirectReceiveBytes ? missing : std::span<uint8_t>();
}

void Session::OnFilled(size_t size_bytes) {
  SP_CHECK(receiving_ != nullptr);
  if (parser_.Filled(size_bytes)) StartReceived();
}

// --- Requests ---

void Session::OnRequest() {
  const Request& request = parser_.request();
  if (!Admissible(request)) {
    Stall();
    return;
  }
  ++host_.session_counters().requests;
  if (request.command == Command::kDisconnect) {
    Drain();
    return;
  }
  const Agreement& agreed = negotiation_.agreement();
  const Refusal refusal = CheckRequest(request, agreed.device->info(), agreed.structured_replies,
                                       agreed.allocation_context);
  const bool has_payload = request.command == Command::kWrite && request.size_bytes > 0;
  if (has_payload && refusal.error == Error::kNone) {
    StartReceiving();
  } else if (has_payload) {
    refusal_ = refusal;  // Told when the payload has passed: the connection stays in step.
    parser_.DropPayload(request.size_bytes);
  } else if (refusal.error != Error::kNone) {
    Refuse(request, refusal);
  } else {
    TakeOperation(request)->StartOn(*agreed.device);
  }
}

// One request is let in however large it is, or it would wait for ever.
bool Session::Admissible(const Request& request) const {
  if (operations_.size() - idle_.size() >= kNbdRequestsPerConnectionMax) return false;
  const uint64_t busy_bytes = bytes_under_way_ + stream_->unsent_bytes();
  return busy_bytes == 0 || busy_bytes + Operation::CostBytes(request) <= kNbdConnectionBytesMax;
}

void Session::Stall() {
  stalled_ = true;
  stream_->PauseReading();
}

void Session::Unstall() {
  if (!stalled_ || !reading() || !Admissible(parser_.request())) return;
  stalled_ = false;
  OnRequest();
  if (!reading()) return;  // it was the last one: what came after it was dropped
  std::span<const uint8_t> rest = std::span<const uint8_t>(backlog_).subspan(backlog_at_);
  Consume(&rest);
  if (!reading()) return;
  if (stalled_) {
    backlog_at_ = backlog_.size() - rest.size();
    return;
  }
  backlog_.clear();
  stream_->ResumeReading();
}

void Session::Refuse(const Request& request, const Refusal& refusal) {
  ++host_.session_counters().requests_failed;
  replies_.SendError(request, refusal.error, refusal.text);
}

Session::Operation* Session::TakeOperation(const Request& request) {
  if (idle_.empty()) {
    operations_.push_back(std::make_unique<Operation>(*this));
    idle_.reserve(operations_.size());
    idle_.push_back(operations_.back().get());
  }
  Operation* operation = idle_.back();
  idle_.pop_back();
  operation->Prepare(request, negotiation_.agreement().device->pool());
  bytes_under_way_ += Operation::CostBytes(request);
  return operation;
}

void Session::StartReceiving() {
  receiving_ = TakeOperation(parser_.request());
  parser_.TakePayload(receiving_->payload.span());
}

void Session::StartReceived() {
  std::exchange(receiving_, nullptr)->StartOn(*negotiation_.agreement().device);
}

void Session::OnOperationDone(Operation* operation, const absl::Status& status) {
  const bool connected = reading() || state_ == State::kFinishing;
  // A client that is gone asks for no further zeroes.
  if (connected && status.ok() && operation->StartNextPiece(*negotiation_.agreement().device)) {
    return;
  }
  if (connected) Answer(*operation, status);
  PutBack(operation);
  Unstall();
  EndIfDone();
}

void Session::PutBack(Operation* operation) {
  bytes_under_way_ -= Operation::CostBytes(operation->request());
  operation->Clear();
  idle_.push_back(operation);
}

void Session::Answer(const Operation& operation, const absl::Status& status) {
  const Request& request = operation.request();
  Counters& counters = host_.session_counters();
  if (!status.ok()) {
    ++counters.requests_failed;
    replies_.SendError(request, ErrorFor(status, request), View(status.message()));
    return;
  }
  switch (request.command) {
    case Command::kRead:
      counters.bytes_read += request.size_bytes;
      replies_.SendRead(request, operation.data());
      return;
    case Command::kBlockStatus:
      replies_.SendBlockStatus(request, {operation.extents, operation.extents_count});
      return;
    case Command::kWrite:
      counters.bytes_written += request.size_bytes;
      break;
    default:
      break;
  }
  replies_.SendDone(request);
}

// --- The end ---

void Session::Drain() {
  if (!reading()) return;
  state_ = State::kFinishing;
  deadline_.StartIn(Duration::Millis(kNbdDrainMs));
  stream_->PauseReading();
  DropInput();
  EndIfDone();
}

void Session::Abandon() {
  if (!reading() && state_ != State::kFinishing) return;
  stream_->Close();
  Closed();
  DropInput();
  EndIfDone();
}

void Session::OnDeadline() {
  Break(state_ == State::kNegotiating
            ? absl::StrCat("it has opened no export in ", kNbdNegotiationMs / 1000, " s")
            : absl::StrCat("its last answers have not left in ", kNbdDrainMs / 1000, " s"));
}

void Session::Break(std::string_view reason) {
  host_.log().Log(env::LogLevel::kWarning, kComponent,
                  absl::StrCat("dropped the connection from ", peer_, ": ",
                               absl::string_view(reason.data(), reason.size())));
  Abandon();
}

void Session::OnClosed(const absl::Status& reason) {
  host_.log().Log(env::LogLevel::kInfo, kComponent,
                  absl::StrCat("connection from ", peer_, " ended: ", reason.message()));
  Closed();
  DropInput();
  EndIfDone();
}

void Session::Closed() {
  state_ = State::kClosed;
  deadline_.Stop();
}

void Session::OnDrained() {
  Unstall();
  EndIfDone();
}

// What has not come in whole never reaches the device.
void Session::DropInput() {
  if (receiving_ != nullptr) PutBack(std::exchange(receiving_, nullptr));
  stalled_ = false;
  backlog_.clear();
}

void Session::EndIfDone() {
  if (idle_.size() < operations_.size()) return;
  if (state_ == State::kFinishing && stream_->unsent_bytes() == 0) {
    stream_->Close();
    Closed();
  }
  if (state_ != State::kClosed) return;
  state_ = State::kOver;
  host_.OnSessionOver(this);
}

}  // namespace storpool::nbd
