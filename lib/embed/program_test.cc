#include "lib/embed/program.h"

#include <gtest/gtest.h>

namespace storpool::embed {
namespace {

TEST(TakeId, IsANumberInItsRange) {
  EXPECT_EQ(TakeId("0", 0, 63).value(), 0);
  EXPECT_EQ(TakeId("4095", 1, 4095).value(), 4095);
  for (const char* text : {"64", "-1", "seven", "99999999999", "1.5"}) {
    const std::string why(TakeId(text, 0, 63).status().message());
    EXPECT_EQ(why.find(std::string("--id=") + text + " is not in 0..63"), 0u) << why;
  }
}

TEST(TakeId, ThatIsMissingIsAskedFor) {
  EXPECT_EQ(TakeId("", 1, 4095).status().message(),
            "give --id, or SP_OURID in /etc/storpool.conf: 1..4095");
}

TEST(CheckGiven, NamesTheFlag) {
  EXPECT_TRUE(CheckGiven("x", "--cluster=FILE").ok());
  EXPECT_EQ(CheckGiven("", "--cluster=FILE").message(), "give --cluster=FILE");
}

}  // namespace
}  // namespace storpool::embed
