#include "cli/table.h"

#include "cli/golden.h"

namespace storpool::cli {
namespace {

TEST(Table, LooksLikeItsGoldenFile) {
  Table empty({{"disk"}, {"size", Table::Align::kRight}});

  Table plain({{"disk"}, {"size", Table::Align::kRight}, {"reason"}});
  plain.AddRow({"101", "1.5 TiB", "träge"});
  plain.AddRow({"2", "512 B", ""});
  plain.AddTotals({"2 disks", "1.5 TiB", ""});

  Table wide({{"group"}, {"disks", Table::Align::kLeft, true}, {"n", Table::Align::kRight}});
  std::string disks;
  for (int disk = 101; disk < 140; ++disk) disks += (disk == 101 ? "" : " ") + std::to_string(disk);
  wide.AddRow({"default", disks, "39"});
  wide.AddRow({"ssd", "201", "1"});

  ExpectGolden("cli/testdata/tables.txt", empty.Text() + "\n" + plain.Text() + "\n" + wide.Text());
}

TEST(Table, BreaksAtSpacesOnly) {
  EXPECT_EQ(BreakLines("a bb ccc", 4), (std::vector<std::string>{"a bb", "ccc"}));
  EXPECT_EQ(BreakLines("abcdefgh ij", 4), (std::vector<std::string>{"abcdefgh", "ij"}));
  EXPECT_EQ(BreakLines("", 4), (std::vector<std::string>{""}));
}

}  // namespace
}  // namespace storpool::cli
