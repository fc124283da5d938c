#include "lib/embed/exports.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/base/check.h"
#include "lib/base/limits.h"

namespace storpool::embed {

Exports::Exports(const ClientServerOptions& options, env::Reactor& reactor, BufferPool& pool)
    : options_(options),
      reactor_(reactor),
      pool_(pool),
      server_(reactor, *options.log, *this),
      waiters_(reactor),
      end_now_(reactor, [this] { EndVolumes(); }) {}

// Connections wait for their requests, and those wait for chains: one that is down must not keep
// the client from ending. By then the connections are cut, so that nobody is told of an error
// whose request a new connection would still see through.
void Exports::Stop(client::Client* client, absl::AnyInvocable<void()> done) {
  ending_ = client;
  end_now_.StartIn(Duration::Millis(kClientEndMs));
  server_.Stop([this, done = std::move(done)]() mutable {
    end_now_.Stop();
    EndVolumes();
    done();
  });
}

void Exports::EndVolumes() {
  if (ending_ == nullptr) return;
  ending_->EndAll(absl::CancelledError(absl::StrCat("client ", options_.id.value(), " ends")));
}

VolumeId Exports::FindVolume(std::string_view name) const {
  for (const auto& [id, exported] : volumes_) {
    const client::Volume& volume = *exported.volume;
    const bool meant =
        name == volume.name() || (name.starts_with('~') && name.substr(1) == volume.global_id());
    if (meant && !exported.leaving) return id;
  }
  return VolumeId();
}

std::string Exports::GlobalIdOf(std::string_view name) const {
  const auto it = volumes_.find(FindVolume(name));
  return it == volumes_.end() ? "" : it->second.volume->global_id();
}

ClientServer::Device Exports::FindDevice(std::string_view name) {
  return FindDevice(FindVolume(name));
}

ClientServer::Device Exports::FindDevice(VolumeId id) {
  const auto it = volumes_.find(id);
  return it == volumes_.end() || it->second.leaving ? nullptr : it->second.device;
}

void Exports::AwaitRegistered(Duration timeout, Waiters::Done done) {
  auto look = [this]() -> std::optional<absl::Status> {
    if (registered_) return absl::OkStatus();
    if (refused_finally_) return absl::PermissionDeniedError(refusal_);
    return std::nullopt;
  };
  auto late = [this] {
    return absl::StrCat(
        "metadata at ", absl::StrJoin(options_.metadata, ", "),
        refusal_.empty() ? " has not answered client " : " has not yet taken in client ",
        options_.id.value(), refusal_.empty() ? "" : ": ", refusal_);
  };
  waiters_.Add(timeout, std::move(look), std::move(late), std::move(done));
}

void Exports::AwaitDevice(const std::string& name, Duration timeout, Waiters::Done done) {
  auto look = [this, name]() -> std::optional<absl::Status> {
    if (FindDevice(name) != nullptr) return absl::OkStatus();
    return std::nullopt;
  };
  auto late = [this, name] {
    return absl::StrCat("volume ", name, " is not there yet on client ", options_.id.value(),
                        "; see volume status");
  };
  waiters_.Add(timeout, std::move(look), std::move(late), std::move(done));
}

absl::StatusOr<block::BlockDevice*> Exports::Find(std::string_view name) {
  if (ClientServer::Device device = FindDevice(name)) return device.get();
  return NotAttached(name);
}

absl::Status Exports::NotAttached(std::string_view name) const {
  return absl::NotFoundError(absl::StrCat("volume ", std::string(name),
                                          " is not attached to client ", options_.id.value()));
}

std::vector<std::string> Exports::List() {
  std::vector<std::string> names;
  for (const auto& [id, exported] : volumes_) {
    if (!exported.leaving) names.push_back(exported.volume->name());
  }
  return names;
}

void Exports::OnRegistered() {
  registered_ = true;
  refusal_.clear();
  waiters_.Check();
}

std::string Exports::OnAttached(client::Volume& volume, block::BlockDevice& limited) {
  auto device = std::make_shared<block::SwitchDevice>(reactor_, pool_);
  device->SetBacking(&limited);
  SP_CHECK(volumes_.try_emplace(volume.session().volume, Exported{&volume, device}).second);
  options_.log->Log(env::LogLevel::kInfo, "client", absl::StrCat("attached ", volume.name()));
  waiters_.Check();
  return PlaceOf(volume);
}

std::string Exports::OnRenamed(client::Volume& volume) {
  waiters_.Check();
  return PlaceOf(volume);
}

std::string Exports::PlaceOf(const client::Volume& volume) const {
  if (server_.address().empty()) return absl::StrCat("client ", options_.id.value());
  return absl::StrCat("nbd://", server_.address(), "/", volume.name());
}

absl::Status Exports::OnDetach(client::Volume& volume) {
  const auto it = volumes_.find(volume.session().volume);
  if (it == volumes_.end()) return absl::OkStatus();
  Exported& exported = it->second;
  std::vector<std::string> holders = server_.ClientsOf(*exported.device);
  if (exported.device.use_count() > 1) holders.push_back("the program of this client");
  if (holders.empty()) {
    exported.leaving = true;
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("volume ", volume.name(), " is open at client ", options_.id.value(), ": by ",
                   absl::StrJoin(holders, ", "), "; end that, or detach it with force"));
}

void Exports::OnGone(client::Volume& volume, const absl::Status& reason) {
  const auto it = volumes_.find(volume.session().volume);
  if (it == volumes_.end()) return;
  options_.log->Log(env::LogLevel::kInfo, "client",
                    absl::StrCat("detached ", volume.name(), ": ", reason.message()));
  // Connections that have it open get errors until they are closed; then it can go.
  std::shared_ptr<block::SwitchDevice> device = std::move(it->second.device);
  volumes_.erase(it);
  device->End(reason.ok() ? absl::CancelledError("detached") : reason);
  server_.CloseDevice(*device, [device] {});
}

void Exports::OnRefused(std::string_view reason, bool final) {
  if (refusal_ != reason) {
    options_.log->Log(env::LogLevel::kError, "client",
                      absl::StrCat("metadata refuses client ", options_.id.value(), ": ",
                                   std::string(reason), final ? "" : "; it is asked again"));
  }
  refusal_ = reason;
  refused_finally_ = final;
  waiters_.Check();
  if (final && options_.on_refused) options_.on_refused(reason);
}

}  // namespace storpool::embed
