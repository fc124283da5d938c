// StorPool's JSON API (docs/json-api.md): an HTTP request becomes a call, the call admin commands
// on metadata's reactor, their answer the response with the envelope. Long polls cost a connection,
// never a thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "lib/api/admin.h"
#include "lib/env/reactor.h"
#include "lib/http/call.h"
#include "lib/http/message.h"

namespace storpool::http {

class JsonApi {
 public:
  struct Identity {
    std::string token;    // what clients prove themselves with: "Authorization: Storpool v1:TOKEN"
    std::string cluster;  // "location.cluster"
  };

  // `generation` is asked on the reactor for that of the cluster's configuration. All outlive this.
  JsonApi(env::Reactor& reactor, api::Admin& admin, std::function<uint64_t()> generation,
          Identity identity);

  // Refuses a request without the token, before its body is read.
  std::optional<Response> Admit(const Head& head) const;
  // Answers once, from any thread. Any thread, one at a time.
  void Handle(Request request, Reply reply) const;

 private:
  Response Rendered(Render render, uint64_t generation, bool all_clusters) const;

  env::Reactor& reactor_;
  api::Admin& admin_;
  const std::function<uint64_t()> generation_;
  const Identity identity_;
};

}  // namespace storpool::http
