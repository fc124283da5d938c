// The client's volumes and nodes. Its talk with metadata is in client_metadata.cc.
#include "lib/client/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/client/times.h"

namespace storpool::client {
namespace {

// Those in force, of a volume of its present size.
block::Limits LimitsOf(const storpool::Volume& volume) {
  constexpr uint64_t kGib = 1u << 30;
  const uint64_t gib = volume.limits().per_gib() ? (volume.size_bytes() + kGib - 1) / kGib : 1;
  const auto times = [gib](uint64_t limit) {
    return limit > UINT64_MAX / std::max<uint64_t>(gib, 1) ? UINT64_MAX : limit * gib;
  };
  return {.operations_per_second = times(volume.limits().iops()),
          .bytes_per_second = times(volume.limits().bandwidth_bytes())};
}

}  // namespace

Client::Client(ClientOptions options, env::Reactor& reactor, ChannelOpener& opener,
               env::Entropy& entropy, env::LogSink& log, BufferPool& pool,
               control::MetadataLink& metadata, ClientEvents& events)
    : options_(std::move(options)),
      reactor_(reactor),
      entropy_(entropy),
      log_(log),
      metadata_(metadata),
      events_(events),
      process_(entropy.Next()),
      connections_(reactor, opener, *this),
      context_{reactor,       directory_, connections_, pool,   calls_, requests_,
               parent_reads_, fills_,     read_ids_,    turns_, log},
      heartbeat_every_(Duration::Millis(kHeartbeatMs)),
      heartbeat_(reactor, [this] { SendHeartbeat(); }),
      register_again_(reactor, [this] { Register(); }),
      tick_(reactor, [this] { Tick(); }),
      release_alone_(reactor, [this] { ReleaseAlone(); }),
      reap_(reactor, [this] {
        ended_.clear();
        ended_fills_.clear();
      }) {}

Client::~Client() = default;

void Client::Start() {
  followed_ = {"disks", absl::StrCat("attachments/", options_.id.value())};
  tick_.StartIn(kTick);
  metadata_.Start(this);
}

void Client::EndAll(const absl::Status& reason) {
  while (!volumes_.empty()) Close(volumes_.begin(), reason);
}

Volume* Client::FindVolume(std::string_view name) {
  for (auto& [id, attached] : volumes_) {
    if (attached.volume->name() == name && !attached.detaching && attached.volume->ended().ok()) {
      return attached.volume.get();
    }
  }
  return nullptr;
}

std::vector<Volume*> Client::Volumes() {
  std::vector<Volume*> list;
  for (auto& [id, attached] : volumes_) list.push_back(attached.volume.get());
  return list;
}

void Client::OnConnectionReady(NodeConnection& connection) {
  log_.Log(env::LogLevel::kInfo, "client",
           absl::StrCat("connected to node ", connection.address()));
  EachVolume([&](Volume& volume) { volume.OnConnectionReady(connection); });
}

void Client::OnConnectionLost(NodeConnection& connection, bool was_ready,
                              const absl::Status& reason) {
  log_.Log(was_ready ? env::LogLevel::kWarning : env::LogLevel::kDebug, "client",
           absl::StrCat("node ", connection.address(), ": ", reason.message()));
  EachVolume([&](Volume& volume) { volume.OnConnectionLost(connection, was_ready); });
}

void Client::OnNodeMessage(NodeConnection& connection, wire::Message& message) {
  if (const auto* answer = std::get_if<wire::WriteAnswer>(&message)) {
    Volume* volume = FindSession(answer->session.volume, answer->session.generation);
    if (volume != nullptr) volume->OnWriteAnswer(*answer);
  } else if (const auto* read = std::get_if<wire::ReadAnswer>(&message)) {
    Request* request = read_ids_.Find(read->number);
    if (request != nullptr) request->volume->OnReadAnswer(request, *read);
  } else if (const auto* config = std::get_if<wire::ConfigHint>(&message)) {
    if (config->config.Validate().ok()) TakeChanges(directory_.Apply(*config));
  } else if (const auto* line = std::get_if<wire::LineHint>(&message)) {
    if (!line->line.layers.empty()) TakeChanges(directory_.Apply(*line));
  } else {
    connection.Drop(absl::InternalError(
        absl::StrCat("node at ", connection.address(), " sent a message that is not for clients")));
  }
}

void Client::TakeChanges(const directory::Changes& changes) {
  for (const std::string& text : changes.alarms) Alarm(text);
  for (LineageId lineage : changes.incomplete) AskForWhole(lineage);
  for (ChainId chain : changes.chains) {
    EachVolume([&](Volume& volume) { volume.OnChain(chain); });
  }
  const bool map = changes.disks || !changes.lines.empty();
  if (map) {
    EachVolume([&](Volume& volume) {
      FollowLines(volume.lineage(), volume.snapshot());
      volume.OnMap();
    });
  }
  if (map || !changes.tables.empty() || !changes.attachments.empty()) {
    Reconcile();
    StartFills();
  }
}

void Client::Reconcile() {
  const AttachmentsSection* section = directory_.AttachmentsOf(options_.id);
  if (section == nullptr) return;
  CloseEndedSessions(*section);
  TakeNames(*section);
  for (const Attachment& attachment : section->attachments()) {
    if (!attachment.granted()) continue;
    const auto it = volumes_.find(VolumeId(attachment.volume()));
    if (it != volumes_.end()) {
      if (attachment.detaching()) TakeDetach(it->second);
      continue;
    }
    if (attachment.detaching()) {
      SayDetached(attachment);
      continue;
    }
    // A session never begins twice: its numbers would (5.8).
    const auto over = over_.find(VolumeId(attachment.volume()));
    if (over != over_.end() && over->second >= Generation(attachment.generation())) continue;
    for (const storpool::Volume& description : section->volumes()) {
      if (description.id() == attachment.volume()) Open(attachment, description);
    }
  }
  TakeLimits(*section);
}

// Before the owner hears of any, and before others are opened: no name stands for two volumes.
void Client::TakeNames(const AttachmentsSection& section) {
  std::vector<Attached*> renamed;
  for (const Attachment& attachment : section.attachments()) {
    const auto it = volumes_.find(VolumeId(attachment.volume()));
    if (it == volumes_.end() || it->second.volume->name() == attachment.volume_name()) continue;
    log_.Log(env::LogLevel::kInfo, "client",
             absl::StrCat("volume ", it->second.volume->name(), " is called ",
                          attachment.volume_name(), " now"));
    it->second.volume->set_name(attachment.volume_name());
    renamed.push_back(&it->second);
  }
  for (Attached* attached : renamed) {
    attached->device = events_.OnRenamed(*attached->volume);
    SendReady(*attached, !attached->detached, absl::OkStatus());
  }
}

void Client::TakeLimits(const AttachmentsSection& section) {
  for (const storpool::Volume& description : section.volumes()) {
    const auto it = volumes_.find(VolumeId(description.id()));
    if (it == volumes_.end()) continue;
    const block::Limits limits = LimitsOf(description);
    if (limits == it->second.limits->limits()) continue;
    it->second.limits->SetLimits(limits);
    log_.Log(env::LogLevel::kInfo, "client",
             absl::StrCat("volume ", it->second.volume->name(), ": ", limits.operations_per_second,
                          " operations and ", limits.bytes_per_second,
                          " bytes a second, 0 means no limit"));
  }
}

void Client::CloseEndedSessions(const AttachmentsSection& section) {
  for (auto it = volumes_.begin(); it != volumes_.end();) {
    const auto next = std::next(it);
    const Session& session = it->second.volume->session();
    const auto& list = section.attachments();
    const bool lasts = std::any_of(list.begin(), list.end(), [&](const Attachment& a) {
      return a.volume() == session.volume.value() && a.granted() &&
             a.generation() == session.generation.value();
    });
    if (!lasts) {
      Close(it, absl::AbortedError(absl::StrCat("volume ", it->second.volume->name(),
                                                " was detached from this client")));
    }
    it = next;
  }
}

void Client::Open(const Attachment& attachment, const storpool::Volume& description) {
  VolumeIdentity identity;
  identity.lineage = LineageId(description.lineage());
  if (attachment.snapshot()) {
    identity.snapshot = LayerId(description.layer());
  } else {
    identity.layer = LayerId(attachment.layer());
  }
  if (!FollowLines(identity.lineage, identity.snapshot)) return;

  identity.session = {VolumeId(attachment.volume()), options_.id,
                      Generation(attachment.generation())};
  identity.name = attachment.volume_name();
  identity.global_id = attachment.global_id();
  identity.read_only = attachment.rights() == READ_ONLY || attachment.snapshot();
  for (const Attachment::ChainFloor& floor : attachment.floors()) {
    identity.floors[ChainId::FromRaw(floor.chain())] = Epoch(floor.epoch());
  }
  Attached& attached = volumes_[identity.session.volume];
  attached.volume =
      std::make_unique<Volume>(context_, std::move(identity), static_cast<VolumeEvents&>(*this));
  attached.limits =
      std::make_unique<block::LimitDevice>(reactor_, *attached.volume, LimitsOf(description));
  log_.Log(env::LogLevel::kInfo, "client",
           absl::StrCat("volume ", attached.volume->name(), " is attached, generation ",
                        attachment.generation()));
  HoldOpened(*attached.volume);
  attached.device = events_.OnAttached(*attached.volume, *attached.limits);
  SendReady(attached, true, absl::OkStatus());
}

void Client::TakeDetach(Attached& attached) {
  if (attached.detaching) return;
  const absl::Status status = events_.OnDetach(*attached.volume);
  if (!status.ok()) {
    log_.Log(
        env::LogLevel::kWarning, "client",
        absl::StrCat("volume ", attached.volume->name(), " is not detached: ", status.message()));
    return SendReady(attached, true, status);
  }
  attached.detaching = true;
}

void Client::Close(std::map<VolumeId, Attached>::iterator it, const absl::Status& reason) {
  Volume& volume = *it->second.volume;
  volume.End(reason);
  it->second.limits->SetLimits({});  // what waits there ends too
  log_.Log(env::LogLevel::kInfo, "client",
           absl::StrCat("volume ", volume.name(), ": ", volume.ended().message()));
  over_[volume.session().volume] = volume.session().generation;
  events_.OnGone(volume, volume.ended());
  ended_.push_back(std::move(it->second));
  volumes_.erase(it);
  reap_.StartIn(kTick);
}

// Also: volumes whose session a node has called fenced, and detaches whose requests have ended.
void Client::Tick() {
  tick_.StartIn(kTick);
  for (auto& [id, fill] : fills_in_order_) {
    if (fill.session == nullptr) continue;
    fill.session->volume().OnTick();
    if (!fill.session->volume().ended().ok()) EndFill(fill, fill.session->volume().ended());
  }
  for (auto it = volumes_.begin(); it != volumes_.end();) {
    const auto next = std::next(it);
    Attached& attached = it->second;
    attached.volume->OnTick();
    if (!attached.volume->ended().ok()) {
      Close(it, attached.volume->ended());
    } else if (attached.detaching && !attached.detached && !attached.volume->busy() &&
               attached.limits->idle()) {
      attached.detached = true;
      SendReady(attached, false, absl::OkStatus());
    }
    it = next;
  }
}

void Client::Alarm(const std::string& text) {
  log_.Log(env::LogLevel::kError, "client", text);
  if (!registered_) return;
  ToMetadata message;
  message.mutable_alarm()->set_text(text);
  metadata_.Send(message);
}

}  // namespace storpool::client
