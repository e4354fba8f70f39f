#include "base/command_flags.h"

#include <gmock/gmock.h>

namespace palate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Why = NotParsed::Why;

// A program with one of everything.
struct Shop {
  CommandParser parser{
      {.name = "shop", .sentence = "Sells.", .version = "shop 7", .footer = "Open on Sundays."}};
  CommandFlags sell = parser.add_command("sell", "Sell something");
  CommandFlags close = parser.add_command("close", "Close");
  std::string item, colour = "red", note;
  bool quiet = false;
  uint64_t count = 3;
  double share = 0.5;
  std::vector<std::string> tags, words;
  std::vector<uint64_t> sizes;
  std::optional<int> port;

  Shop() {
    sell.add("item", item, "What").required().one_of({"hat", "coat"});
    sell.add("--colour", colour, "Of what is sold").show_default();
    sell.add("--quiet,-q", quiet, "Say nothing");
    sell.add("-n", count, "How many");
    sell.add("--share", share, "Of the price").between(0.0, 1.0);
    sell.add("--tag", tags, "May be given several times").one_value_each();
    sell.add("--sizes", sizes, "Several").separated_by(',').between(1, 60);
    sell.add("--words", words, "Several");
    Flag where = sell.add("--port", port, "Where");
    sell.add(
            "--note", [this](const std::string& text) { note = "note: " + text; }, "Why")
        .needs(where);
    sell.set_footer("Examples:\n  shop sell hat");
    sell.refuse_negative_counts();
  }
  Why why(std::vector<std::string> line) {
    const auto failure = parser.parse(std::move(line));
    return failure ? failure->why : throw std::logic_error("nothing is wrong");
  }
  std::string what(std::vector<std::string> line) {
    const auto failure = parser.parse(std::move(line));
    return failure ? failure->what : "";
  }
};

TEST(CommandFlags, ReadsEveryType) {
  Shop shop;
  ASSERT_FALSE(shop.parser.parse({"sell", "hat", "--colour=blue", "-q", "-n", "5", "--share", "1",
                                  "--sizes", "4,5", "6", "--port", "80", "--note", "late"}));
  EXPECT_EQ(shop.item, "hat");
  EXPECT_EQ(shop.colour, "blue");
  EXPECT_TRUE(shop.quiet);
  EXPECT_EQ(shop.count, 5U);
  EXPECT_EQ(shop.share, 1.0);
  EXPECT_THAT(shop.sizes, ElementsAre(4, 5, 6));
  EXPECT_EQ(shop.port, 80);
  EXPECT_EQ(shop.note, "note: late");
  EXPECT_TRUE(shop.sell.given());
  EXPECT_FALSE(shop.close.given());
}

TEST(CommandFlags, ListsTakeOneWordOrAllThatFollow) {
  Shop shop;
  ASSERT_FALSE(shop.parser.parse({"sell", "--tag", "a", "hat", "--tag", "b", "--words", "c", "d"}));
  EXPECT_THAT(shop.tags, ElementsAre("a", "b"));
  EXPECT_THAT(shop.words, ElementsAre("c", "d"));
}

TEST(CommandFlags, SaysWhatIsWrong) {
  Shop shop;
  EXPECT_EQ(shop.what({"sell"}), "item is required");
  EXPECT_THAT(shop.what({"sell", "shoe"}), HasSubstr("shoe not in {hat,coat}"));
  EXPECT_THAT(shop.what({"sell", "hat", "--share", "2"}), HasSubstr("2 not in range"));
  EXPECT_THAT(shop.what({"sell", "hat", "-n", "-1"}), HasSubstr("-1 is negative"));
  EXPECT_THAT(shop.what({"sell", "hat", "--note", "x"}), HasSubstr("requires --port"));
  EXPECT_EQ(shop.why({"sell", "hat", "-n"}), Why::kWrong);
  EXPECT_EQ(shop.why({}), Why::kWrong);
  EXPECT_NE(shop.parser.parse({})->exit_code, 0);
}

TEST(CommandFlags, SaysWhichWordsItHasNoUseFor) {
  Shop shop;
  EXPECT_EQ(shop.why({"sell", "hat", "--color", "red"}), Why::kExtraWords);
  EXPECT_THAT(shop.sell.extra_words(), ElementsAre("--color", "red"));
}

TEST(CommandFlags, Answers) {
  Shop shop;
  const auto help = shop.parser.parse({"sell", "--help"});
  ASSERT_TRUE(help);
  EXPECT_EQ(help->why, Why::kAnswered);
  EXPECT_EQ(help->exit_code, 0);
  EXPECT_THAT(help->text, HasSubstr("red"));
  EXPECT_THAT(help->text, HasSubstr("Examples:\n  shop sell hat"));
  EXPECT_THAT(shop.sell.help(), HasSubstr("shop sell [OPTIONS] item"));
  EXPECT_EQ(shop.parser.parse({"--version"})->text, "shop 7\n");
  EXPECT_THAT(shop.parser.help(), HasSubstr("Open on Sundays."));
}

TEST(CommandFlags, SaysWhatIsDeclared) {
  const Shop shop;
  EXPECT_EQ(shop.parser.commands().size(), 2U);
  EXPECT_EQ(shop.parser.commands()[1].name(), "close");
  const std::vector<Flag> flags = shop.sell.flags();
  EXPECT_THAT(flags[0].names(), ElementsAre("--help", "-h"));
  EXPECT_TRUE(flags[1].is_argument());
  EXPECT_THAT(flags[1].choices(), ElementsAre("hat", "coat"));
  const Flag quiet = shop.sell.flag("--quiet");
  EXPECT_THAT(quiet.names(), ElementsAre("--quiet", "-q"));
  EXPECT_FALSE(quiet.takes_value());
  EXPECT_EQ(quiet.sentence(), "Say nothing");
  EXPECT_TRUE(shop.sell.flag("-n").takes_value());
  EXPECT_THAT(shop.sell.flag("-n").choices(), IsEmpty());
}

}  // namespace
}  // namespace palate
