// The way from arguments to a command.
#include "cli/words.h"

#include <gtest/gtest.h>

#include "cli/options.h"
#include "cli/parser.h"
#include "cli/values.h"

namespace storpool::cli {
namespace {

std::vector<Command> Grammar() {
  const Parameter add = {
      .word = "add", .value = "ID", .kind = Kind::kNumber, .repeated = true, .max = 9};
  return {
      {.pattern = "thing list"},
      {.pattern = "thing NAME create",
       .parameters =
           {{.word = "size", .value = "SIZE", .kind = Kind::kSize, .required = true},
            add,
            {.word = "mode", .value = "ro|rw", .kind = Kind::kChoice, .choices = {"ro", "rw"}},
            {.word = "quick", .kind = Kind::kFlag}}},
      {.pattern = "thing NAME", .parameters = {add}, .wants_parameter = true},
      {.pattern = "thing NAME copy [TO]",
       .values = {{.word = "TO", .value = "TO", .help = "x"}},
       .parameters = {add,
                      {.word = "tag", .value = "K=V", .kind = Kind::kTag, .repeated = true},
                      {.word = "after", .value = "TIME", .kind = Kind::kDuration},
                      {.word = "sure", .value = "[yes]", .kind = Kind::kFlag, .choices = {"yes"}}}},
      {.pattern = "thing all THING...", .parameters = {add}},
      {.pattern = "thing NAME delete NAME"},
      {.pattern = "disk init PATH",
       .values = {{.word = "PATH", .value = "PATH", .kind = Kind::kPath}},
       .parameters = {{.word = "size", .value = "SIZE", .kind = Kind::kSize}}},
      {.pattern = "disk ID forget",
       .values = {{.word = "ID", .value = "ID", .kind = Kind::kNumber, .max = 9}}},
      {.pattern = "disk ID note [TEXT]",
       .values = {{.word = "ID", .value = "ID", .kind = Kind::kNumber, .max = 9},
                  {.word = "TEXT", .value = "TEXT", .kind = Kind::kRest}}},
  };
}

// The pattern, and what was given, in order of the keys; or the error.
std::string Understood(const std::vector<std::string>& arguments) {
  const std::vector<Command> grammar = Grammar();
  const absl::StatusOr<Parsed> parsed = Parse(grammar, SplitWords(arguments));
  if (!parsed.ok()) return std::string(parsed.status().message());
  std::string text(parsed->command->pattern);
  for (const char* key : {"NAME", "TO", "THING", "PATH", "ID", "TEXT", "size", "add", "mode",
                          "quick", "tag", "after", "sure"}) {
    for (const auto& value : parsed->arguments.All(key)) {
      text += std::string(" ") + key + "=" + value.text;
      if (value.number != 0) text += "/" + std::to_string(value.number);
    }
  }
  return text;
}

struct Case {
  std::vector<std::string> arguments;
  std::string understood;
};

TEST(Parser, UnderstandsWordsHoweverTheyArrive) {
  const std::vector<Case> cases = {
      {{"thing", "list"}, "thing list"},
      {{"thing list"}, "thing list"},
      {{"thing", "a", "create", "size", "2K"}, "thing NAME create NAME=a size=2K/2048"},
      {{"thing a", "create size", "2K"}, "thing NAME create NAME=a size=2K/2048"},
      {{"thing", "a", "create", "quick", "mode", "ro", "size", "1"},
       "thing NAME create NAME=a size=1/1 mode=ro quick="},
      {{"thing", "a", "add", "3", "add", "4"}, "thing NAME NAME=a add=3/3 add=4/4"},
      {{"thing", "a", "delete", "a"}, "thing NAME delete NAME NAME=a NAME=a"},
      {{"disk", "7", "forget"}, "disk ID forget ID=7/7"},
      {{"disk", "init", "/a b", "size", "1"}, "disk init PATH PATH=/a b size=1/1"},
      {{"disk init /a", "size", "1"}, "disk init PATH PATH=/a size=1/1"},
      {{"disk 7 note two", "words"}, "disk ID note [TEXT] ID=7/7 TEXT=two words"},
      {{"disk 7 note"}, "disk ID note [TEXT] ID=7/7"},
  };
  for (const Case& c : cases) EXPECT_EQ(Understood(c.arguments), c.understood);
}

TEST(Parser, TakesParametersBeforeTheVerbAndValuesThatMayBeLeftOut) {
  const std::vector<Case> cases = {
      {{"thing a copy"}, "thing NAME copy [TO] NAME=a"},
      {{"thing a copy b"}, "thing NAME copy [TO] NAME=a TO=b"},
      {{"thing a copy tag x=1 tag y="}, "thing NAME copy [TO] NAME=a tag=x=1 tag=y="},
      {{"thing a copy tag x=1 b"}, "thing NAME copy [TO] NAME=a TO=b tag=x=1"},
      {{"thing a tag x=1 copy b after 7d"},
       "thing NAME copy [TO] NAME=a TO=b tag=x=1 after=7d/604800"},
      {{"thing a add 1 copy add 2"}, "thing NAME copy [TO] NAME=a add=1/1 add=2/2"},
      {{"thing a sure copy"}, "thing NAME copy [TO] NAME=a sure="},
      {{"thing a sure yes copy yes"}, "thing NAME copy [TO] NAME=a TO=yes sure=yes"},
      {{"thing a size 1 create"}, "thing NAME create NAME=a size=1/1"},
      {{"thing all b"}, "thing all THING... THING=b"},
      {{"thing all b c=d add 1"}, "thing all THING... THING=b THING=c=d add=1/1"},
      {{"thing all add add 1"}, "thing all THING... THING=add add=1/1"},
  };
  for (const Case& c : cases) EXPECT_EQ(Understood(c.arguments), c.understood);
}

TEST(Parser, NamesTheWordAndWhatWouldBe) {
  const std::vector<Case> cases = {
      {{"thng", "list"},
       "\"thng\" is not understood; did you mean \"thing\"? Possible here: thing, disk"},
      {{"zebra"}, "\"zebra\" is not understood; possible here: thing, disk"},
      {{"thing"}, "after \"thing\" something is missing; possible here: list, all, NAME"},
      {{"thing", "a"},
       "after \"a\" something is missing; possible here: create, copy, delete, size, add, mode, "
       "quick, "
       "tag, after, sure"},
      {{"thing", "all"}, "after \"all\" something is missing; possible here: THING"},
      {{"thing", "a", "tag", "x=1", "create"},
       "\"create\" is not understood; possible here: copy, add, tag, after, sure"},
      {{"thing", "a", "copy", "tag", "x"},
       "\"x\" is not understood for tag: NAME=VALUE, without spaces; NAME= takes the tag away"},
      {{"thing", "a", "Create", "size", "1"},
       "\"Create\" is not understood; did you mean \"create\"? Possible here: create, copy, "
       "delete, "
       "size, add, mode, quick, tag, after, sure"},
      {{"thing", "a", "create", "sise", "1"},
       "\"sise\" is not understood; did you mean \"size\"? Possible here: size, add, mode, quick"},
      {{"thing", "a", "create", "size"}, "after \"size\" a value is missing: size SIZE"},
      {{"thing", "a", "create"},
       "thing NAME create needs size SIZE: thing NAME create size SIZE [add ID]... [mode ro|rw] "
       "[quick]"},
      {{"thing", "a", "create", "size", "1", "size", "2"}, "\"size\" is said twice"},
      {{"thing", "a", "create", "size", "1", "mode", "wo"},
       "\"wo\" is not understood for mode: one of ro, rw"},
      {{"thing", "a", "add", "10"}, "\"10\" is not understood for add: a number from 0 to 9"},
      {{"thing", "a", "add", "-1"}, "\"-1\" is not understood for add: a number from 0 to 9"},
      {{"thing", "a", "delete"}, "after \"delete\" something is missing; possible here: NAME"},
      {{"thing", "a", "delete", "b"},
       "\"b\" is not \"a\": thing NAME delete NAME wants the name said twice, alike, so that "
       "nothing goes by mistake"},
      {{"disk", "inti", "/a"},
       "\"inti\" is not understood for ID: a number from 0 to 9; did you mean \"init\"? Possible "
       "here: init"},
      {{"thing", "list", "all"}, "\"all\" is not understood"},
  };
  for (const Case& c : cases) EXPECT_EQ(Understood(c.arguments), c.understood);
}

TEST(Options, StandAnywhere) {
  const absl::StatusOr<Options> options =
      ParseOptions({"volume", "-Bj", "--metadata=a:1,b:2", "list", "-"}, {});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->form == Form::kJson && options->batch && !options->help);
  EXPECT_EQ(options->metadata, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(options->words, (std::vector<std::string>{"volume", "list", "-"}));
}

TEST(Options, OfALineComeOnTopOfThePrograms) {
  Options base;
  base.metadata = {"e:9"};
  base.batch = true;
  base.words = {"nothing"};
  const absl::StatusOr<Options> options = ParseOptions({"-j", "volume"}, base);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->metadata, (std::vector<std::string>{"e:9"}));
  EXPECT_TRUE(options->batch && options->form == Form::kJson);
  EXPECT_EQ(options->words, (std::vector<std::string>{"volume"}));
  EXPECT_EQ(ParseOptions({"--metadata", "x:1"}, base)->metadata, (std::vector<std::string>{"x:1"}));
}

TEST(Options, HaveLettersAndWords) {
  EXPECT_EQ(ParseOptions({"-c"}, {})->form, Form::kCsv);
  EXPECT_EQ(ParseOptions({"-rM"}, {})->form, Form::kRaw);
  EXPECT_EQ(ParseOptions({"-Bfx"}, {})->file, "x");
  EXPECT_EQ(ParseOptions({"-f", "x"}, {})->file, "x");
  EXPECT_EQ(ParseOptions({"--file=x"}, {})->file, "x");
  EXPECT_FALSE(ParseOptions({"-f"}, {}).ok());
  EXPECT_TRUE(ParseOptions({"volume", "--watch"}, {})->watch);
  EXPECT_EQ(ParseOptions({"--", "-j", "--watch"}, {})->words,
            (std::vector<std::string>{"-j", "--watch"}));
}

TEST(Values, AreTimesAndBandwidths) {
  EXPECT_EQ(ParseDuration("7d").value(), 7u * 86400);
  EXPECT_EQ(ParseDuration("90").value(), 90u);
  EXPECT_EQ(ParseDuration("2h").value() + ParseDuration("3m").value(), 7380u);
  for (const char* text : {"", "d", "7w", "7dd", "-1", "1.5h", "99999999999d"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
  EXPECT_EQ(ParseMoment("1800000000").value(), 1800000000u);
  EXPECT_EQ(ParseMoment("2027-01-15").value(), 1799971200u);
  EXPECT_EQ(ParseMoment("2027-01-15T08:00").value(), 1800000000u);
  EXPECT_EQ(FormatMoment(1800000000), "2027-01-15 08:00:00");
  for (const char* text : {"", "soon", "2027-13-01", "1969-01-01"}) {
    EXPECT_FALSE(ParseMoment(text).ok()) << text;
  }
  EXPECT_EQ(ParseBandwidth("50").value(), 50u << 20);
  EXPECT_EQ(ParseBandwidth("512K").value(), 512u << 10);
  EXPECT_FALSE(ParseBandwidth("fast").ok());
  EXPECT_FALSE(ParseBandwidth("").ok());
}

TEST(Options, UnknownOnesAreNamed) {
  EXPECT_NE(ParseOptions({"-x"}, {}).status().message().find("\"-x\""), absl::string_view::npos);
  EXPECT_FALSE(ParseOptions({"--metdata=a:1"}, {}).ok());
  EXPECT_FALSE(ParseOptions({"--metadata="}, {}).ok());
  EXPECT_FALSE(ParseOptions({"--metadata"}, {}).ok());
}

}  // namespace
}  // namespace storpool::cli
