// A call of the JSON API: how it is named, and what it does. A call is read on the thread of the
// HTTP server, runs on metadata's reactor as one or several admin commands, and its answer is made
// into JSON on the server's thread again: only the commands themselves take the reactor's time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/api/admin.h"
#include "lib/api/done.h"
#include "lib/http/message.h"
#include "lib/json/changes.h"
#include "lib/json/json.h"

namespace storpool::http {

using json::Json;

// What a caller has sent.
struct Input {
  std::vector<std::string> arguments;  // of the path, as many as the call has
  Json body;                           // null if there is none
  std::string cluster;                 // of MultiCluster/: the cluster's name, else empty
};

// Makes the `data` of the answer; HTTP server's thread.
using Render = absl::AnyInvocable<Json()>;
using Finish = api::Done<Render>;
// Runs the commands; reactor thread.
using Run = absl::AnyInvocable<void(api::Admin& admin, Finish finish)>;

struct Call {
  Method method = Method::kGet;
  std::string_view name;  // "KV/List" has two words
  int arguments = 0;
  // kInvalidArgument: what is wrong with the request.
  absl::StatusOr<Run> (*read)(const Input& input) = nullptr;
};

// All calls that are served, by name.
const std::vector<Call>& AllCalls();

// One command whose answer becomes JSON by `to_json(answer)`.
template <class Answer, class Request, class ToJson>
Run Ask(Request request, ToJson to_json) {
  return [request = std::move(request), to_json = std::move(to_json)](api::Admin& admin,
                                                                      Finish finish) mutable {
    metadata::Caller caller = finish.caller();
    auto take = [to_json = std::move(to_json),
                 finish = std::move(finish)](absl::StatusOr<Answer> answer) mutable {
      if (!answer.ok()) return finish(answer.status());
      finish(Render([to_json = std::move(to_json), answer = *std::move(answer)]() mutable -> Json {
        return to_json(answer);
      }));
    };
    admin.Call(request, {std::move(take), std::move(caller)});
  };
}

// A change whose answer says nothing more than that it was made.
template <class Request>
Run Change(Request request) {
  return Ask<ChangeAnswer>(std::move(request), [](const ChangeAnswer& answer) {
    return json::JsonOfChange(answer.generation(), answer.info());
  });
}
template <class Request>
absl::StatusOr<Run> Change(absl::StatusOr<Request> request) {
  if (!request.ok()) return request.status();
  return Change(*std::move(request));
}

namespace internal {

template <class ToJson, class Requests, class Answers>
struct Gathering {
  Requests requests;
  ToJson to_json;
  Finish finish;
  Answers answers;
};

template <size_t index, class ToJson, class Requests, class Answers>
void AskNext(api::Admin& admin, std::shared_ptr<Gathering<ToJson, Requests, Answers>> all) {
  if constexpr (index == std::tuple_size_v<Answers>) {
    all->finish(Render([all]() -> Json { return std::apply(all->to_json, all->answers); }));
  } else {
    using Answer = std::tuple_element_t<index, Answers>;
    auto take = [&admin, all](absl::StatusOr<Answer> answer) mutable {
      if (!answer.ok()) return all->finish(answer.status());
      std::get<index>(all->answers) = *std::move(answer);
      AskNext<index + 1>(admin, std::move(all));
    };
    admin.Call(std::get<index>(all->requests), {std::move(take), all->finish.caller()});
  }
}

}  // namespace internal

// Several commands, one after the other, whose answers become JSON by `to_json(answers...)`; the
// first error ends it.
//   AskAll<VolumeListAnswer, SpaceListAnswer>(std::tuple(list, space), to_json)
template <class... Answers, class... Requests, class ToJson>
Run AskAll(std::tuple<Requests...> requests, ToJson to_json) {
  static_assert(sizeof...(Answers) == sizeof...(Requests));
  using All = internal::Gathering<ToJson, std::tuple<Requests...>, std::tuple<Answers...>>;
  return [requests = std::move(requests), to_json = std::move(to_json)](api::Admin& admin,
                                                                        Finish finish) mutable {
    internal::AskNext<0>(
        admin, std::make_shared<All>(std::move(requests), std::move(to_json), std::move(finish)));
  };
}

}  // namespace storpool::http
