#include "lib/directory/directory.h"

#include <gtest/gtest.h>

#include "lib/control/convert.h"
#include "lib/model/line_view.h"

namespace storpool::directory {
namespace {

constexpr ChainId kChain(TableId(1), 3);

model::ChainConfig Config(uint32_t epoch, std::vector<uint16_t> disks, bool opened) {
  model::ChainConfig config;
  config.chain = kChain;
  config.epoch = Epoch(epoch);
  config.opened = opened;
  if (opened) config.opened_at = Version(Epoch(epoch - 1), 7);
  for (uint16_t disk : disks) {
    config.members.push_back({DiskId(disk), StoreId(disk), model::Role::kServing, Version()});
  }
  return config;
}

model::Line LineOf(uint32_t version) {
  model::Line line;
  line.lineage = LineageId(10);
  line.volume = VolumeId(5);
  line.table = TableId(1);
  line.version = LineVersion(version);
  line.layers.push_back({.id = LayerId(1), .size_bytes = 1 << 20, .cut_bytes = 1 << 20});
  return line;
}

Section Disks(uint64_t version, uint32_t disk, const std::string& address) {
  Section section;
  section.set_name("disks");
  section.set_version(version);
  Disk* d = section.mutable_disks()->add_disks();
  d->set_id(disk);
  d->set_address(address);
  return section;
}

void FillMember(ChainMember* member, uint32_t disk) {
  member->set_disk(disk);
  member->set_store(disk);
  member->set_role(CHAIN_ROLE_SERVING);
}

Section Table(uint64_t version, bool complete, uint32_t epoch) {
  Section section;
  section.set_name("table/1");
  section.set_version(version);
  section.mutable_table()->set_table(1);
  section.mutable_table()->set_chains(64);
  section.mutable_table()->set_complete(complete);
  NamedConfig* config = section.mutable_table()->add_configs();
  config->mutable_named()->set_chain(kChain.raw());
  config->mutable_named()->set_epoch(epoch);
  FillMember(config->mutable_named()->add_members(), 2);
  if (epoch > 1) {
    config->mutable_last_opened()->set_chain(kChain.raw());
    config->mutable_last_opened()->set_epoch(epoch - 1);
    config->mutable_last_opened()->set_opened(true);
    FillMember(config->mutable_last_opened()->add_members(), 1);
    FillMember(config->mutable_last_opened()->add_members(), 2);
  }
  return section;
}

TEST(DirectoryTest, KeepsTheNewestNamedAndTheNewestOpenedConfig) {
  Directory directory;
  EXPECT_EQ(directory.NewestNamed(kChain), nullptr);
  EXPECT_EQ(directory.Apply(Config(2, {1, 2}, true)).chains, std::vector{kChain});
  EXPECT_EQ(directory.Apply(Config(3, {2}, false)).chains, std::vector{kChain});
  EXPECT_EQ(directory.NewestNamed(kChain)->epoch, Epoch(3));
  EXPECT_EQ(directory.NewestOpened(kChain)->epoch, Epoch(2));

  EXPECT_EQ(directory.Apply(Config(3, {2}, true)).chains, std::vector{kChain});
  EXPECT_EQ(directory.NewestOpened(kChain)->epoch, Epoch(3));
  EXPECT_TRUE(directory.NewestNamed(kChain)->opened);
}

TEST(DirectoryTest, NeverGoesBackHazard41) {
  Directory directory;
  directory.Apply(Config(5, {1}, true));
  EXPECT_TRUE(directory.Apply(Config(4, {1, 2}, true)).empty());
  EXPECT_TRUE(directory.Apply(Config(5, {1}, false)).empty());
  EXPECT_EQ(directory.NewestOpened(kChain)->members.size(), 1u);
  EXPECT_TRUE(directory.NewestNamed(kChain)->opened);

  directory.Apply(LineOf(3));
  EXPECT_TRUE(directory.Apply(LineOf(2)).empty());
  EXPECT_EQ(directory.FindLine(LineageId(10))->version, LineVersion(3));

  ASSERT_TRUE(directory.Apply(Disks(9, 1, "a:1"))->disks);
  EXPECT_TRUE(directory.Apply(Disks(8, 1, "b:1"))->empty());
  EXPECT_EQ(directory.AddressOf(DiskId(1)), "a:1");
}

TEST(DirectoryTest, TwoConfigsOfOneEpochAreAnAlarmAndChangeNothing) {
  Directory directory;
  directory.Apply(Config(5, {1, 2}, false));
  const Changes changes = directory.Apply(Config(5, {2, 1}, false));
  EXPECT_EQ(changes.alarms.size(), 1u);
  EXPECT_TRUE(changes.chains.empty());
  EXPECT_EQ(directory.NewestNamed(kChain)->head().disk, DiskId(1));

  directory.Apply(Config(5, {1, 2}, true));
  model::ChainConfig other = Config(5, {1, 2}, true);
  other.opened_at = Version(Epoch(4), 8);
  EXPECT_FALSE(directory.Apply(other).alarms.empty());
  EXPECT_EQ(directory.NewestOpened(kChain)->opened_at, Version(Epoch(4), 7));

  directory.Apply(LineOf(3));
  model::Line line = LineOf(3);
  line.dropped = true;
  EXPECT_EQ(directory.Apply(line).alarms.size(), 1u);
  EXPECT_FALSE(directory.FindLine(LineageId(10))->dropped);
}

TEST(DirectoryTest, ALateTableSectionStillTeachesNewerConfigs) {
  Directory directory;
  ASSERT_TRUE(directory.Apply(Table(7, true, 2)).ok());
  auto late = directory.Apply(Table(6, false, 4));
  ASSERT_TRUE(late.ok());
  EXPECT_EQ(late->chains, std::vector{kChain});
  EXPECT_EQ(directory.NewestNamed(kChain)->epoch, Epoch(4));
  EXPECT_EQ(directory.NewestOpened(kChain)->epoch, Epoch(3));
  EXPECT_EQ(directory.section_versions().at("table/1"), 7u);
}

TEST(DirectoryTest, KnowsHowManyChainsATableHasOnceItsSectionIsHere) {
  Directory directory;
  EXPECT_EQ(directory.ChainsOf(TableId(1)), 0u);
  auto table = directory.Apply(Table(2, true, 2));
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->tables, std::vector{TableId(1)});
  EXPECT_EQ(directory.ChainsOf(TableId(1)), 64u);
}

// A line of thousands of layers does not travel whole for each snapshot (6.6).
TEST(DirectoryTest, TakesOverWhatHasChangedInALine) {
  Directory directory;
  model::Line first = LineOf(3);
  first.layers[0].changed = LineVersion(1);
  directory.Apply(first);
  model::Line newer = first;
  newer.version = LineVersion(4);
  newer.layers[0].sealed = true;
  newer.layers[0].changed = LineVersion(4);
  newer.layers.push_back({LayerId(2), 1 << 20, 1 << 19, false, LineVersion(4)});
  model::Line newest = newer;
  newest.version = LineVersion(5);
  newest.layers.erase(newest.layers.begin());
  newest.removed = {{LayerId(1), LayerId(2), 1 << 19, LineVersion(5)}};
  newest.layers[0].changed = LineVersion(5);

  // The gap is told, nothing is guessed, and the version does not count as known.
  Section section;
  section.set_name("line/10");
  section.set_version(5);
  *section.mutable_line() = control::ToMessage(newest.Since(LineVersion(4)));
  const auto gap = directory.Apply(section);
  ASSERT_TRUE(gap.ok());
  EXPECT_EQ(gap->incomplete, std::vector{LineageId(10)});
  EXPECT_TRUE(gap->lines.empty());
  EXPECT_EQ(directory.section_versions().at("line/10"), 3u);

  EXPECT_EQ(directory.Apply(newer.Since(LineVersion(3))).lines, std::vector{LineageId(10)});
  EXPECT_EQ(*directory.FindLine(LineageId(10)), newer);
  EXPECT_EQ(directory.section_versions().at("line/10"), 4u);
  EXPECT_TRUE(directory.Apply(newer.Since(LineVersion(2))).empty());  // it is here already
  ASSERT_TRUE(directory.Apply(section).ok());
  EXPECT_EQ(*directory.FindLine(LineageId(10)), newest);
  EXPECT_EQ(directory.FindLine(LineageId(10))->view->OwnerOf(LayerId(1)).layer, LayerId(2));

  Directory other;
  EXPECT_EQ(other.Apply(newest.Since(LineVersion(4))).incomplete, std::vector{LineageId(10)});
  EXPECT_EQ(other.FindLine(LineageId(10)), nullptr);
}

TEST(DirectoryTest, AttachmentsBelongToTheClientInTheirName) {
  Directory directory;
  Section section;
  section.set_name("attachments/12");
  section.set_version(1);
  section.mutable_attachments()->add_attachments()->set_volume(5);
  auto changes = directory.Apply(section);
  ASSERT_TRUE(changes.ok());
  EXPECT_EQ(changes->attachments, std::vector<uint32_t>{12});
  EXPECT_EQ(directory.AttachmentsOf(ClientId(12))->attachments_size(), 1);
  EXPECT_EQ(directory.AttachmentsOf(ClientId(13)), nullptr);
  EXPECT_TRUE(directory.Apply(section)->empty());
}

TEST(DirectoryTest, RefusesWhatIsMalformedAndTakesNothingOfIt) {
  Directory directory;
  EXPECT_FALSE(directory.Apply(Section()).ok());

  Section foreign = Table(3, true, 2);
  foreign.mutable_table()->set_table(2);
  EXPECT_FALSE(directory.Apply(foreign).ok());
  EXPECT_EQ(directory.NewestNamed(kChain), nullptr);

  Section no_members = Table(3, true, 2);
  no_members.mutable_table()->mutable_configs(0)->mutable_named()->clear_members();
  EXPECT_FALSE(directory.Apply(no_members).ok());
  EXPECT_TRUE(directory.section_versions().empty());

  Section disks = Disks(1, 70000, "a:1");
  EXPECT_FALSE(directory.Apply(disks).ok());
}

}  // namespace
}  // namespace storpool::directory
