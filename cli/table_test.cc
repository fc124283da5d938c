#include "cli/table.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "cli/golden.h"

namespace storpool::cli {
namespace {

constexpr auto kRight = Table::Align::kRight;
constexpr auto kBelow = Table::Shown::kBelow;

Table Volumes(const std::string& name, const std::string& tags) {
  Table table({{"volume"},
               {"size", kRight},
               {"rdnd.", kRight},
               {"placeHead"},
               {"placeAll", Table::Align::kLeft, false, kBelow},
               {"placeTail", Table::Align::kLeft, false, kBelow},
               {"iops", kRight},
               {"bw", kRight, false, kBelow},
               {"parent"},
               {"template", Table::Align::kLeft, false, kBelow},
               {"tags", Table::Align::kLeft, true}});
  table.AddRow(
      {name, SizeCell(uint64_t{3} << 39), "3", "hdd", "hdd", "ssd", "-", "-", "-", "hybrid", tags});
  table.AddRow({"db2", SizeCell(512), "3", "hdd", "hdd", "ssd", tags.empty() ? "-" : "1000", "-",
                tags.empty() ? "" : "golden-image@2026-11", "hybrid", ""});
  return table;
}

TEST(Table, LooksLikeItsGoldenFile) {
  const Table empty({{"disk"}, {"size", kRight}});

  Table plain({{"disk"}, {"size", kRight}, {"reason"}});
  plain.AddRow({"101", "1.5 TiB", "träge"});
  plain.AddRow({"2", "512 B", ""});
  plain.AddTotals({"2 disks", "1.5 TiB", ""});

  Table wide({{"group"}, {"disks", Table::Align::kLeft, true}, {"n", kRight}});
  std::string disks;
  for (int disk = 101; disk < 140; ++disk) disks += (disk == 101 ? "" : " ") + std::to_string(disk);
  wide.AddRow({"default", disks, "39"});
  wide.AddRow({"ssd", "201", "1"});

  const std::string longest(199, 'n');
  const Table properties =
      Table::Properties({{"volume", longest}, {"size", SizeCell(1 << 20)}, {"tags", "a=b c=d"}});
  std::string text;
  for (const Table& table :
       {empty, plain, wide, Volumes("db1", ""), Volumes("db1", "vm=17 backup=daily"),
        Volumes(longest, "vm=" + std::string(80, 'v') + " backup=daily"), properties}) {
    const std::string drawn = table.Text(kTerminalColumns);
    const std::vector<std::string> lines = absl::StrSplit(drawn, '\n');
    for (const std::string& line : lines) {
      EXPECT_LE(line.size(), kTerminalColumns + 1) << line;  // one letter of "träge" has two bytes
    }
    text += drawn + "\n";
  }
  ExpectGolden("cli/testdata/tables.txt", text);
}

TEST(Table, IsAsWideAsItIsWithoutATerminal) {
  const std::string text = Volumes(std::string(199, 'n'), "a=b").Text(0);
  EXPECT_EQ(std::ranges::count(text, '\n'), 6);
}

TEST(Table, GivesProgramsExactValues) {
  Table table(
      {{"name"}, {"size", kRight}, {"why", Table::Align::kLeft, false, Table::Shown::kPrograms}});
  table.AddRow({"a,\"b\"", SizeCell(3 << 10), "two\nlines\there"});
  table.AddTotals({"1", "", ""});
  EXPECT_EQ(table.Csv(), "name,size,why\n\"a,\"\"b\"\"\",3072,\"two\nlines\there\"\n");
  EXPECT_EQ(table.Raw(), "a,\"b\"\t3072\ttwo lines here\n");
  EXPECT_EQ(table.Text(0).find("why"), std::string::npos);
}

TEST(Table, BreaksAtSpacesAndWordsIfItMust) {
  EXPECT_EQ(BreakLines("a bb ccc", 4), (std::vector<std::string>{"a bb", "ccc"}));
  EXPECT_EQ(BreakLines("abcdefgh ij", 4), (std::vector<std::string>{"abcdefgh", "ij"}));
  EXPECT_EQ(BreakLines("", 4), (std::vector<std::string>{""}));
  EXPECT_EQ(BreakLines("abcdefgh ij", 4, true), (std::vector<std::string>{"abcd", "efgh", "ij"}));
  EXPECT_EQ(BreakLines("äöüß", 2, true), (std::vector<std::string>{"äö", "üß"}));
}

}  // namespace
}  // namespace storpool::cli
