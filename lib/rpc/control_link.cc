#include "lib/rpc/control_link.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "proto/service.grpc.pb.h"

namespace storpool::rpc {
namespace {

constexpr Duration kRetryFirst = Duration::Millis(20);
constexpr Duration kRetryMax = Duration::Seconds(1);

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A channel of its own for each try: gRPC's own back-off would outlast a restart of metadata.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // metadata is near; a proxy is for elsewhere
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);    // small messages; see GrpcServer
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 3000);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

// One stream. Kept alive by `keep_` until gRPC is done with it.
class ControlLink::Call final : public grpc::ClientBidiReactor<ToMetadata, FromMetadata> {
 public:
  Call(env::Reactor& reactor, std::shared_ptr<ControlLink*> link, uint64_t number,
       const std::string& address)
      : reactor_(reactor),
        link_(std::move(link)),
        number_(number),
        stub_(Control::NewStub(MakeChannel(address))) {}

  void Begin(std::shared_ptr<Call> self) {
    keep_ = std::move(self);
    stub_->async()->Connect(context_.get(), this);
    AddHold();  // writes are started from the reactor's thread
    StartRead(&incoming_);
    StartCall();
  }

  void Send(const ToMetadata& message) {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    outgoing_.push_back(message);
    if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
  }

  void Cancel() {
    std::shared_ptr<grpc::ClientContext> context;
    {
      std::lock_guard lock(mutex_);
      context = context_;
    }
    if (context != nullptr) context->TryCancel();  // may call back
    std::lock_guard lock(mutex_);
    StopOnce();
  }

  void WaitDone() {
    std::unique_lock lock(mutex_);
    all_done_.wait(lock, [this] { return done_; });
  }

  void OnReadInitialMetadataDone(bool ok) override {
    if (ok) {
      Post([number = number_](ControlLink& link) { link.OnUp(number); });
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      std::lock_guard lock(mutex_);
      return StopOnce();
    }
    Post([number = number_, message = std::move(incoming_)](ControlLink& link) {
      link.OnMessage(number, message);
    });
    incoming_ = FromMetadata();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    outgoing_.pop_front();
    if (!ok) return StopOnce();
    if (!stopped_ && !outgoing_.empty()) StartWrite(&outgoing_.front());
  }

  void OnDone(const grpc::Status& status) override {
    const absl::Status reason =
        absl::UnavailableError(status.ok() ? "metadata closed the stream" : status.error_message());
    std::shared_ptr<grpc::ClientContext> context;
    {
      std::lock_guard lock(mutex_);
      context = std::move(context_);
    }
    // What holds the channel goes on the reactor: the last channel of a process waits for gRPC's
    // threads, so it must not go on one of them.
    Post([number = number_, reason, context = std::move(context),
          stub = std::move(stub_)](ControlLink& link) { link.OnDown(number, reason); });
    const std::shared_ptr<Call> last = std::move(keep_);  // may delete this at the end
    std::lock_guard lock(mutex_);
    done_ = true;
    all_done_.notify_all();
  }

 private:
  template <class Fn>
  void Post(Fn fn) {
    reactor_.Post([link = link_, fn = std::move(fn)] {
      if (*link != nullptr) fn(**link);
    });
  }

  void StopOnce() {  // mutex_ is held
    if (!std::exchange(stopped_, true)) RemoveHold();
  }

  env::Reactor& reactor_;
  const std::shared_ptr<ControlLink*> link_;
  const uint64_t number_;
  std::unique_ptr<Control::Stub> stub_;
  FromMetadata incoming_;
  std::shared_ptr<Call> keep_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable all_done_;
  std::shared_ptr<grpc::ClientContext> context_ = std::make_shared<grpc::ClientContext>();
  std::deque<ToMetadata> outgoing_;  // the first one is being written
  bool stopped_ = false;
  bool done_ = false;
};

ControlLink::ControlLink(env::Reactor& reactor, env::LogSink& log,
                         std::vector<std::string> addresses)
    : reactor_(reactor),
      log_(log),
      addresses_(std::move(addresses)),
      retry_(reactor, [this] { Connect(); }),
      retry_delay_(kRetryFirst),
      self_(std::make_shared<ControlLink*>(this)) {
  SP_CHECK(!addresses_.empty());
}

ControlLink::~ControlLink() {
  *self_ = nullptr;
  if (call_ == nullptr) return;
  call_->Cancel();
  call_->WaitDone();
}

void ControlLink::Start(Handler* handler) {
  handler_ = handler;
  retry_.StartIn(Duration());
}

void ControlLink::Send(const ToMetadata& message) {
  if (up_) call_->Send(message);
}

void ControlLink::Connect() {
  std::string address = std::exchange(leader_address_, {});
  if (address.empty()) address = addresses_[next_address_++ % addresses_.size()];
  call_ = std::make_shared<Call>(reactor_, self_, ++call_number_, address);
  call_->Begin(call_);
}

void ControlLink::OnUp(uint64_t call) {
  if (call != call_number_ || up_) return;
  up_ = true;
  retry_delay_ = kRetryFirst;
  handler_->OnLinkUp();
}

void ControlLink::OnMessage(uint64_t call, const FromMetadata& message) {
  if (call != call_number_) return;
  OnUp(call);  // gRPC may call for the first message, on another thread, before it says "up"
  if (message.has_not_leader()) {
    leader_address_ = message.not_leader().leader_address();
    call_->Cancel();
    return;
  }
  handler_->OnLinkMessage(message);
}

void ControlLink::OnDown(uint64_t call, const absl::Status& reason) {
  if (call != call_number_) return;
  const bool was_up = std::exchange(up_, false);
  call_.reset();
  if (was_up) {
    log_.Log(env::LogLevel::kWarning, "metadata link",
             absl::StrCat("lost metadata, connecting again: ", std::string(reason.message())));
  }
  retry_.StartIn(retry_delay_);
  retry_delay_ = std::min(retry_delay_ * 2, kRetryMax);
  if (was_up) handler_->OnLinkDown(reason);
}

}  // namespace storpool::rpc
