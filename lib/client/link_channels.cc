#include "lib/client/link_channels.h"

#include <utility>

namespace storpool::client {
namespace {

class LinkChannel final : public MessageChannel, private link::Connection::Handler {
 public:
  LinkChannel(const link::Local& local, env::Network& network, std::string_view address,
              MessageChannel::Handler& handler)
      : handler_(handler), connection_(local, network, address, *this) {}

  void Send(const wire::WriteRequest& request) override { connection_.Send(request); }
  void Send(const wire::ReadRequest& request) override { connection_.Send(request); }
  void Send(const wire::LineHint& hint) override { connection_.Send(hint); }

 private:
  void OnReady(link::Connection&) override { handler_.OnReady(); }
  void OnMessage(link::Connection&, wire::Message&& message) override {
    handler_.OnMessage(message);
  }
  void OnClosed(link::Connection&, const absl::Status& reason) override {
    handler_.OnClosed(reason);
  }

  MessageChannel::Handler& handler_;
  link::Connection connection_;
};

}  // namespace

std::unique_ptr<MessageChannel> LinkChannels::Open(std::string_view address,
                                                   MessageChannel::Handler* handler) {
  return std::make_unique<LinkChannel>(local_, network_, address, *handler);
}

}  // namespace storpool::client
