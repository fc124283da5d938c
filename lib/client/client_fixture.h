// A client of id 9 over scripted nodes, with metadata played by the test: volume 5, "disk1", of
// lineage 70 on table 1.
#pragma once

#include <gtest/gtest.h>

#include <deque>

#include "lib/base/random.h"
#include "lib/client/client.h"
#include "lib/client/volume_fixture.h"

namespace storpool::client {

class FakeLink final : public control::MetadataLink {
 public:
  void Start(Handler* to) override { handler = to; }
  void Send(const ToMetadata& message) override { sent.push_back(message); }
  ToMetadata Take() {
    SP_CHECK(!sent.empty());
    ToMetadata message = sent.front();
    sent.pop_front();
    return message;
  }
  Handler* handler = nullptr;
  std::deque<ToMetadata> sent;
};

class SeededEntropy final : public env::Entropy {
 public:
  void Fill(std::span<uint8_t> bytes) override {
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random_.Next());
  }

 private:
  Random random_{7};
};

class ClientTest : public testing::Test, public ClientEvents {
 protected:
  ClientTest() {
    client.Start();
    link.handler->OnLinkUp();
  }

  std::string OnAttached(Volume& volume, block::BlockDevice& device) override {
    last_device = &device;
    attached.push_back(volume.name());
    return "nbd://here/" + volume.name();
  }
  std::string OnRenamed(Volume& volume) override { return "nbd://here/" + volume.name(); }
  absl::Status OnDetach(Volume&) override { return detach_answer; }
  void OnGone(Volume& volume, const absl::Status& reason) override {
    gone.push_back(volume.name());
    EXPECT_FALSE(reason.ok());
  }
  void OnRefused(std::string_view reason, bool) override { refused = reason; }

  void Register(uint64_t term = 1) {
    link.sent.clear();
    FromMetadata message;
    message.mutable_registered()->set_term(term);
    message.mutable_registered()->set_heartbeat_ms(300);
    link.handler->OnLinkMessage(message);
  }
  FromMetadata NewSection(const std::string& name, uint64_t version, Section** section) {
    FromMetadata message;
    *section = message.mutable_sections()->add_sections();
    (*section)->set_name(name);
    (*section)->set_version(version);
    return message;
  }
  void SendMap() {
    Section* section = nullptr;
    FromMetadata table = NewSection("table/1", 1, &section);
    section->mutable_table()->set_table(1);
    section->mutable_table()->set_chains(4);
    section->mutable_table()->set_complete(true);
    link.handler->OnLinkMessage(table);
  }
  void SendAttachment(uint64_t version, uint32_t generation, bool granted, bool detaching = false,
                      const Limits& limits = {}) {
    Section* section = nullptr;
    FromMetadata message = NewSection("attachments/9", version, &section);
    AttachmentsSection& content = *section->mutable_attachments();
    Attachment& a = *content.add_attachments();
    a.set_volume(5);
    a.set_volume_name("disk1");
    a.set_client(9);
    a.set_rights(READ_WRITE);
    a.set_generation(generation);
    a.set_granted(granted);
    a.set_detaching(detaching);
    a.set_layer(1);
    storpool::Volume& v = *content.add_volumes();
    v.set_id(5);
    v.set_name("disk1");
    v.set_lineage(70);
    v.set_size_bytes(3u << 30);
    *v.mutable_limits() = limits;
    Line& line = *content.add_lines();
    line.set_lineage(70);
    line.set_volume(5);
    line.set_table(1);
    line.set_version(1);
    storpool::Layer& layer = *line.add_layers();
    layer.set_id(1);
    layer.set_size_bytes(1 << 20);
    layer.set_cut_bytes(1 << 20);
    link.handler->OnLinkMessage(message);
  }
  void SendNoAttachments(uint64_t version) {
    Section* section = nullptr;
    FromMetadata message = NewSection("attachments/9", version, &section);
    section->mutable_attachments();
    link.handler->OnLinkMessage(message);
  }
  // The newest AttachmentReady that was sent, or none.
  AttachmentReady LastReady() {
    AttachmentReady ready;
    for (const ToMetadata& message : link.sent) {
      if (message.has_attachment_ready()) ready = message.attachment_ready();
    }
    return ready;
  }
  void Attach() {
    Register();
    SendAttachment(1, 3, true);
    SendMap();
    ASSERT_NE(client.FindVolume("disk1"), nullptr);
  }

  env::ManualReactor reactor;
  BufferPool pool;
  ScriptedNodes nodes{reactor};
  SeededEntropy entropy;
  QuietLog log;
  FakeLink link;
  std::vector<std::string> attached, gone;
  absl::Status detach_answer;
  block::BlockDevice* last_device = nullptr;
  std::string refused;
  Client client{{.id = ClientId(9),
                 .name = "host",
                 .cluster = {1, 2, 3},
                 .secret = "s3cret",
                 .nbd_address = "127.0.0.1:10809",
                 .version = "1.2.3"},
                reactor,
                nodes,
                entropy,
                log,
                pool,
                link,
                *this};
};

}  // namespace storpool::client
