// A client of the cluster: registers with metadata, follows its own attachments and what of the map
// its volumes use (design 6.6), keeps connections to nodes, and gives a Volume for each attachment
// that metadata has granted.
//
// Invariants: every Client object is a new life of its client id: metadata grants new generations
// for it (5.8). A Volume lasts as long as one session; what comes after a fence is a new Volume.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/block/limit_device.h"
#include "lib/client/fill_session.h"
#include "lib/client/message_channel.h"
#include "lib/client/node_connections.h"
#include "lib/client/volume.h"
#include "lib/control/link.h"
#include "lib/directory/directory.h"
#include "lib/env/entropy.h"
#include "lib/env/log_sink.h"
#include "lib/env/reactor.h"

namespace storpool::client {

struct ClientOptions {
  ClientId id;       // 1..kClientIdMax; one process at a time
  std::string name;  // for people
  std::array<uint8_t, 16> cluster = {};
  std::string secret;       // of the cluster
  std::string nbd_address;  // where volumes are exported, for people and tools; may be empty
  std::string version;      // of the software
};

// What the owner of a client hears. Called on the reactor; may call the client and its volumes.
class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  // Metadata has taken this client in: once for each time that the link came up.
  virtual void OnRegistered() {}
  // The volume can be used: through `device`, which holds it to its limits (9.1) and may be used
  // as long as it. Returns where people find it ("nbd://host:port/NAME"), for metadata.
  virtual std::string OnAttached(Volume& volume, block::BlockDevice& device) = 0;
  // The volume has another name now, which no other volume here has; its session and its device
  // stay. Returns where people find it.
  virtual std::string OnRenamed(Volume& volume) = 0;
  // A detach is asked for. OK: nothing new will be started, and the detach goes on once what is
  // under way has ended. An error says who holds the volume open; the volume stays.
  virtual absl::Status OnDetach(Volume& volume) = 0;
  // The session is over, all requests have ended. `volume` may be used until this returns.
  virtual void OnGone(Volume& volume, const absl::Status& reason) = 0;
  // Metadata does not take this client in; `final`: trying again will not help.
  virtual void OnRefused(std::string_view reason, bool final) = 0;
};

class Client final : private control::MetadataLink::Handler,
                     private NodeEvents,
                     private VolumeEvents {
 public:
  // All references outlive the client, and `metadata` is destroyed before the reactor runs again.
  // Destroying it drops requests under way without a word, as a
  // crash would; to end properly, let them end first.
  Client(ClientOptions options, env::Reactor& reactor, ChannelOpener& opener, env::Entropy& entropy,
         env::LogSink& log, BufferPool& pool, control::MetadataLink& metadata,
         ClientEvents& events);
  ~Client() override;

  void Start();
  // Ends all sessions here: what is under way fails with `reason`, which is not OK. For an end that
  // cannot wait for nodes; metadata gives no session of this life again.
  void EndAll(const absl::Status& reason);

  // nullptr unless a volume of this name is attached here and can be used. Valid until OnGone.
  Volume* FindVolume(std::string_view name);
  std::vector<Volume*> Volumes();

  bool registered() const { return registered_; }
  // "location.cluster", once registered.
  const std::string& cluster_name() const { return cluster_name_; }

 private:
  struct Attached {
    std::unique_ptr<Volume> volume;
    std::unique_ptr<block::LimitDevice> limits;
    std::string device;
    bool detaching = false;  // the owner agreed; waits for requests to end
    bool detached = false;   // and metadata was told
  };

  // A snapshot that asks for a session which is granted, and not open here yet.
  struct EarlyHold {
    uint64_t id = 0;
    LayerId layer;
    Instant until;
  };
  using SessionKey = std::pair<VolumeId, Generation>;
  struct Fill {
    FillOrder order;
    std::unique_ptr<FillSession> session;  // once its lines are known
    bool over = false;                     // it was fenced: a session never begins twice
  };

  // control::MetadataLink::Handler
  void OnLinkUp() override;
  void OnLinkMessage(const FromMetadata& message) override;
  void OnLinkDown(const absl::Status& reason) override;
  // NodeEvents
  void OnConnectionReady(NodeConnection& connection) override;
  void OnConnectionLost(NodeConnection& connection, bool was_ready,
                        const absl::Status& reason) override;
  void OnNodeMessage(NodeConnection& connection, wire::Message& message) override;
  // VolumeEvents
  void OnLineNeeded(LineageId lineage) override;
  void OnHeld(const Session& session, uint64_t id) override;
  void OnReleased(const Session& session, uint64_t id, const HoldEnd& end) override;

  void Register();
  void OnRegistered(const Registered& message);
  void OnSections(const Sections& sections);
  void OnOpened(const Opened& opened);
  void TakeChanges(const directory::Changes& changes);
  void AskForWhole(LineageId lineage);
  void Alarm(const std::string& text);

  // Snapshots (client_snapshots.cc).
  void OnSnapshotHold(const SnapshotHold& hold);
  void HoldOpened(Volume& volume);
  void ReleaseAlone();
  void OnSnapshotOver(uint64_t id);
  void RepeatSnapshots();
  Volume* FindSession(VolumeId volume, Generation generation);

  // Fills (client_fills.cc).
  void OnFillOrder(const FillOrder& order);
  void TakeLine(const Line& proto);
  void StopFill(const FillOrder& order);
  void StartFills();
  void SayFilled(const Fill& fill);
  void EndFill(Fill& fill, const absl::Status& reason);

  // A call may end a session, but volumes are taken out in a turn of their own.
  void EachVolume(const auto& fn) {
    for (auto& [id, attached] : volumes_) fn(*attached.volume);
    for (auto& [id, fill] : fills_in_order_) {
      if (fill.session != nullptr) fn(fill.session->volume());
    }
  }
  void Follow(const std::string& section);
  // Whether all that a volume of this lineage needs of the map is known; it is followed.
  bool FollowLines(LineageId lineage, LayerId layer);
  void Subscribe(const std::set<std::string>& sections);
  void SendHeartbeat();
  void SendReady(const Attached& attached, bool is_attached, const absl::Status& error);
  void SayDetached(const Attachment& attachment);

  // Brings the volumes to what the attachments say.
  void Reconcile();
  void CloseEndedSessions(const AttachmentsSection& section);
  void Open(const Attachment& attachment, const storpool::Volume& description);
  void TakeNames(const AttachmentsSection& section);
  void TakeLimits(const AttachmentsSection& section);
  void TakeDetach(Attached& attached);
  void Close(std::map<VolumeId, Attached>::iterator it, const absl::Status& reason);
  void Tick();

  const ClientOptions options_;
  env::Reactor& reactor_;
  env::Entropy& entropy_;
  env::LogSink& log_;
  control::MetadataLink& metadata_;
  ClientEvents& events_;
  const uint64_t process_;  // this life, for metadata

  directory::Directory directory_;
  NodeConnections connections_;
  Pool<Call> calls_;
  Pool<Request> requests_;
  Pool<ParentRead> parent_reads_;
  Pool<BaseFill> fills_;
  ReadIds read_ids_;
  Turns turns_;
  VolumeContext context_;
  std::map<VolumeId, Attached> volumes_;
  std::map<LineageId, Instant> lines_asked_;  // again, when that was last
  std::map<VolumeId, Generation> over_;       // the newest session of each that has ended here
  std::vector<Attached> ended_;               // to be deleted in a turn of their own

  std::map<SessionKey, EarlyHold> early_holds_;
  // Groups of this client only: all are released as soon as all are held, in a turn of its own.
  std::map<uint64_t, std::vector<SessionKey>> alone_;
  // Kept until metadata says that the snapshot is over.
  std::map<std::pair<uint64_t, SessionKey>, SnapshotReleased> released_;
  std::map<VolumeId, Fill> fills_in_order_;
  std::vector<std::unique_ptr<FillSession>> ended_fills_;  // as ended_

  std::set<std::string> followed_;  // names of sections
  bool link_up_ = false;
  bool registered_ = false;
  uint64_t term_ = 0;  // the highest seen
  uint64_t heartbeat_number_ = 0;
  Duration heartbeat_every_;
  std::string cluster_name_;
  env::Timer heartbeat_;
  env::Timer register_again_;
  env::Timer tick_;
  env::Timer release_alone_;
  env::Timer reap_;
};

}  // namespace storpool::client
