#include "lib/control/convert.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

namespace storpool::control {
namespace {

using google::protobuf::util::MessageDifferencer;

ChainConfig Config(uint32_t epoch, bool opened) {
  ChainConfig config;
  config.set_chain(ChainId(TableId(3), 9).raw());
  config.set_epoch(epoch);
  config.set_opened(opened);
  if (opened) config.set_opened_at(Version(Epoch(1), 44).raw());
  for (uint32_t disk : {7u, 8u, 4095u}) {
    ChainMember* m = config.add_members();
    m->set_disk(disk);
    m->set_store(0x1234567890abcdef + disk);
    m->set_role(disk == 4095u ? CHAIN_ROLE_AWAY : CHAIN_ROLE_SERVING);
    if (disk == 4095u) m->set_excluded_at(Version(Epoch(1), 40).raw());
  }
  return config;
}

TEST(ConvertTest, NamedConfigsSurviveBothWays) {
  NamedConfig message;
  *message.mutable_named() = Config(5, false);
  *message.mutable_last_opened() = Config(3, true);
  Raise* raise = message.add_raises();
  raise->set_volume(12);
  raise->set_client(4095);
  raise->set_generation(77);
  const auto model = ToModel(message);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->last_opened.opened_at, Version(Epoch(1), 44));
  EXPECT_TRUE(MessageDifferencer::Equals(ToMessage(*model), message));

  message.clear_last_opened();
  const auto first = ToModel(message);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->last_opened.epoch, Epoch(0));
  EXPECT_EQ(first->last_opened.chain, first->named.chain);
  EXPECT_TRUE(MessageDifferencer::Equals(ToMessage(*first), message));
}

TEST(ConvertTest, BoundsChainConfigs) {
  ChainConfig disk = Config(1, false);
  disk.mutable_members(0)->set_disk(4096);
  EXPECT_FALSE(ToModel(disk).ok());
  ChainConfig narrowed = Config(1, false);
  narrowed.mutable_members(0)->set_disk(65536 + 9);  // would be disk 9
  EXPECT_FALSE(ToModel(narrowed).ok());
  ChainConfig role = Config(1, false);
  role.mutable_members(0)->set_role(CHAIN_ROLE_UNSPECIFIED);
  EXPECT_FALSE(ToModel(role).ok());
  ChainConfig chain = Config(1, false);
  chain.set_chain(0x0003ffff);
  EXPECT_FALSE(ToModel(chain).ok());
  ChainConfig many = Config(1, false);
  for (int i = 0; i < 4; ++i) *many.add_members() = many.members(2);
  EXPECT_FALSE(ToModel(many).ok());
  EXPECT_FALSE(ToModel(Config(0, false)).ok());
  EXPECT_FALSE(ToModel(Config(1u << 24, false)).ok());
}

TEST(ConvertTest, ALastOpenedConfigMustBelongToTheName) {
  NamedConfig newer;
  *newer.mutable_named() = Config(3, false);
  *newer.mutable_last_opened() = Config(4, true);
  EXPECT_FALSE(ToModel(newer).ok());
  NamedConfig unopened;
  *unopened.mutable_named() = Config(3, false);
  *unopened.mutable_last_opened() = Config(2, false);
  EXPECT_FALSE(ToModel(unopened).ok());
  NamedConfig other;
  *other.mutable_named() = Config(3, false);
  *other.mutable_last_opened() = Config(2, true);
  other.mutable_last_opened()->set_chain(1);
  EXPECT_FALSE(ToModel(other).ok());
}

TEST(ConvertTest, RaisesAreBounded) {
  Raise raise;
  raise.set_volume(1);
  raise.set_client(1);
  raise.set_generation(2);
  EXPECT_TRUE(ToModel(raise).ok());
  raise.set_client(4096);
  EXPECT_FALSE(ToModel(raise).ok());
  raise.set_client(65537);  // would be client 1
  EXPECT_FALSE(ToModel(raise).ok());
}

TEST(ConvertTest, LinesSurviveBothWaysAndAreBounded) {
  Line line;
  line.set_lineage(5);
  line.set_volume(6);
  line.set_table(2);
  line.set_version(3);
  for (uint32_t id : {1u, 4u}) {
    Layer* layer = line.add_layers();
    layer->set_id(id);
    layer->set_size_bytes(2 << 20);
    layer->set_cut_bytes(1 << 20);
    layer->set_sealed(id == 1);
    layer->set_changed(id == 1 ? 0 : 3);
  }
  for (uint32_t id : {2u, 3u}) {
    RemovedLayer* removed = line.add_removed();
    removed->set_layer(id);
    removed->set_into(id == 2 ? 4 : 0);
    removed->set_cut_bytes(1 << 20);
    removed->set_changed(2);
  }
  line.set_has_foreign_parent(true);
  line.set_parent_lineage(1);
  line.set_parent_layer(2);
  line.set_parent_size_bytes(512);
  const auto model = ToModel(line);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(MessageDifferencer::Equals(ToMessage(*model), line));
  Line delta = line;
  delta.mutable_layers()->DeleteSubrange(0, 2);
  EXPECT_FALSE(ToModel(delta).ok());  // a whole line without a layer
  delta.set_since(2);
  EXPECT_TRUE(MessageDifferencer::Equals(ToMessage(*ToModel(delta)), delta));
  delta.set_since(3);
  EXPECT_FALSE(ToModel(delta).ok());
  Line backwards = line;
  backwards.mutable_removed(0)->set_into(1);
  EXPECT_FALSE(ToModel(backwards).ok());
  Line table = line;
  table.set_table(65536);
  EXPECT_FALSE(ToModel(table).ok());
  Line huge = line;
  huge.mutable_layers(1)->set_size_bytes(kVolumeBytesMax + 1);
  EXPECT_FALSE(ToModel(huge).ok());
}

}  // namespace
}  // namespace storpool::control
