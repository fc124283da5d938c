// MessageChannels over the cluster's connections (lib/link): frames, hello, proof of the secret.
#pragma once

#include <memory>
#include <string_view>

#include "lib/client/message_channel.h"
#include "lib/env/stream.h"
#include "lib/link/connection.h"

namespace storpool::client {

class LinkChannels final : public ChannelOpener {
 public:
  // Both outlive this; `local.self` is a client's.
  LinkChannels(const link::Local& local, env::Network& network)
      : local_(local), network_(network) {}

  std::unique_ptr<MessageChannel> Open(std::string_view address,
                                       MessageChannel::Handler* handler) override;

 private:
  const link::Local& local_;
  env::Network& network_;
};

}  // namespace storpool::client
