#include "lib/embed/settings.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace storpool::embed {
namespace {

Settings SettingsOf(std::string_view text, std::string_view host) {
  Settings settings;
  const absl::Status status = AddSettings(text, "file", host, settings);
  EXPECT_TRUE(status.ok()) << status;
  return settings;
}

TEST(Settings, AreKeysAndValues) {
  EXPECT_EQ(SettingsOf("# comment\n; another\n\n A = 1 \nB=\"two words\"\nC=\nD='x'\nE=a=b\n"
                       "F=long\\\n er\nG='\"'\r\n",
                       "h"),
            (Settings{{"A", "1"},
                      {"B", "two words"},
                      {"C", ""},
                      {"D", "x"},
                      {"E", "a=b"},
                      {"F", "long er"},
                      {"G", "\""}}));
}

TEST(Settings, OfAHostStandInItsSectionAndWin) {
  const std::string_view text = "[h1]\nSP_OURID=1\n[ h2 ]\nSP_OURID=2\nX=2\n[h1]\nY=1\n";
  EXPECT_EQ(SettingsOf(text, "h1"), (Settings{{"SP_OURID", "1"}, {"Y", "1"}}));
  EXPECT_EQ(SettingsOf(text, "h2"), (Settings{{"SP_OURID", "2"}, {"X", "2"}}));
  EXPECT_EQ(SettingsOf(text, "h3"), Settings());
  EXPECT_EQ(SettingsOf("[h]\nA=2\n", "h"), (Settings{{"A", "2"}}));
}

TEST(Settings, NameTheLineThatIsNotUnderstood) {
  Settings settings;
  for (const char* text : {"A=1\nwords\n", "A=1\n=2\n"}) {
    const absl::Status status = AddSettings(text, "/etc/f", "h", settings);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_NE(status.message().find("/etc/f: line 2"), absl::string_view::npos) << status;
  }
}

TEST(Settings, ComeFromAFileAndItsFolderInOrder) {
  const std::string path = testing::TempDir() + "/storpool.conf";
  EXPECT_EQ(LoadSettings(path, "h").value(), Settings());
  const auto write = [](const std::string& file, const std::string& text) {
    std::ofstream(file) << text;
  };
  write(path, "A=1\nB=1\nC=1\n");
  ASSERT_EQ(mkdir((path + ".d").c_str(), 0700), 0);
  write(path + ".d/20-b.conf", "B=3\n[h]\nC=4\n");
  write(path + ".d/10-a.conf", "B=2\nC=2\n");
  write(path + ".d/.hidden.conf", "A=5\n");
  write(path + ".d/note.txt", "A=6\n");
  EXPECT_EQ(LoadSettings(path, "h").value(), (Settings{{"A", "1"}, {"B", "3"}, {"C", "4"}}));
  write(path + ".d/30.conf", "nothing\n");
  EXPECT_TRUE(absl::IsInvalidArgument(LoadSettings(path, "h").status()));
}

TEST(Settings, OfTheEnvironmentWin) {
  Settings settings = {{"SP_OURID", "1"}};
  const char* environment[] = {"SP_OURID=2", "HOME=/", "STORPOOL_METADATA=a:1", "SP_X", nullptr};
  AddEnvironment(environment, settings);
  EXPECT_EQ(settings, (Settings{{"SP_OURID", "2"}, {"STORPOOL_METADATA", "a:1"}}));
}

}  // namespace
}  // namespace storpool::embed
