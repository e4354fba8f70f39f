// Files of every form through the readers: what arrives, what is refused, what is an error.
#include <filesystem>
#include <fstream>
#include <map>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "base/time.h"
#include "events/limits.h"
#include "events/presets.h"
#include "events/quarantine.h"
#include "events/reader.h"

namespace palate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const EventTypes& types() {
  static const EventTypes kTypes = EventTypes::defaults();
  return kTypes;
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "palate-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] Path write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  [[nodiscard]] const Path& path() const { return path_; }

 private:
  Path path_;
};

struct Outcome {
  std::vector<std::string> rows;                          // "user item type value ts context"
  std::vector<std::pair<uint64_t, std::string>> rejects;  // line, code
  std::vector<uint32_t> occurrences;
  std::string error;
};

std::string text_of(const EventView& row) {
  std::string text =
      std::string(row.user) + "|" + std::string(row.item) + "|" + types().at(row.type).name;
  if (!std::isnan(row.value)) text += fmt::format("|{}", row.value);
  if (row.ts.us != 0) text += "|" + format_rfc3339(row.ts);
  if (!row.context.empty()) text += "|" + std::string(row.context);
  return text;
}

Outcome read_events(const Path& path, const ColumnMapping& mapping = {}, size_t threads = 2) {
  Outcome outcome;
  auto reader = open_events(path, mapping, types(), {threads, {}});
  if (!reader) {
    outcome.error = reader.error().message;
    return outcome;
  }
  const RejectSink sink = [&](const Reject& reject) -> Status {
    outcome.rejects.emplace_back(reject.line, reason_info(reject.reason).code);
    return {};
  };
  EventBatch batch;
  while (true) {
    auto more = reader->next(batch, sink);
    if (!more) outcome.error = more.error().message;
    if (!more || !*more) return outcome;
    for (const EventView& row : batch.rows) {
      outcome.rows.push_back(text_of(row));
      outcome.occurrences.push_back(row.occurrence);
    }
  }
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

TEST(Readers, CsvByItsHeader) {
  const Folder folder;
  const Path path = folder.write("r.csv",
                                 "\xef\xbb\xbf"
                                 "userId,movieId,rating,timestamp\r\n"
                                 "1,10,4.5,964982703\r\n"
                                 "\r\n"
                                 "\"u,2\",\"the \"\"best\"\"\",3,964982703\r\n");
  const Outcome outcome = read_events(path);
  EXPECT_THAT(outcome.rows, ElementsAre("1|10|rating|4.5|2000-07-30T18:45:03Z",
                                        "u,2|the \"best\"|rating|3|2000-07-30T18:45:03Z"));
  EXPECT_THAT(outcome.rejects, IsEmpty());
}

TEST(Readers, RefusesRowsAndGoesOn) {
  const Folder folder;
  const std::string long_id(kIdBytesMax + 1, 'x');
  const Path path = folder.write("r.csv",
                                 "user,item,rating,timestamp\n"
                                 "1,1,nan,1\n"          // 2
                                 "1,1,inf,1\n"          // 3
                                 ",1,3,1\n"             // 4
                                 "1,1,3,-5\n"           // 5
                                 "1,1,3,99999999999\n"  // 6
                                 "1,1,3\n"              // 7
                                 "1,\"a\nb\",3,1\n"     // 8, 9
                                 "\xff,1,3,1\n"         // 10
                                 "1,1,abc,1\n"          // 11
                                 "1,1,3,then\n"         // 12
                                 "1,1,3,\n"             // 13
                                     + long_id +
                                     ",1,3,1\n"  // 14
                                     "1,,3,1\n"  // 15
                                     "ok,1,3,1\n");
  using Pair = std::pair<uint64_t, std::string>;
  const Outcome outcome = read_events(path);
  EXPECT_THAT(outcome.rows, ElementsAre("ok|1|rating|3|1970-01-01T00:00:01Z"));
  EXPECT_THAT(
      outcome.rejects,
      ElementsAre(Pair{2, "value_not_finite"}, Pair{3, "value_not_finite"}, Pair{4, "missing_user"},
                  Pair{5, "time_negative"}, Pair{6, "time_far_future"}, Pair{7, "column_count"},
                  Pair{8, "control_character"}, Pair{10, "bad_utf8"}, Pair{11, "bad_value"},
                  Pair{12, "bad_time"}, Pair{13, "missing_time"}, Pair{14, "id_too_long"},
                  Pair{15, "missing_item"}));
}

TEST(Readers, OverlongLinesAndOpenQuotesAreRefused) {
  const Folder folder;
  const std::string text =
      "user,item\na,1\n\"open,2\nb," + std::string(3 * kLineBytesMax, 'x') + "\nc,3\n";
  using Pair = std::pair<uint64_t, std::string>;
  for (const auto& bytes : {text, gzip(text), zstd(text)}) {
    const Outcome outcome = read_events(folder.write("r.csv", bytes));
    EXPECT_THAT(outcome.rows, ElementsAre("a|1|click", "c|3|click"));
    EXPECT_THAT(outcome.rejects, ElementsAre(Pair{3, "unclosed_quote"}, Pair{4, "line_too_long"}));
  }
}

TEST(Readers, AWrongMappingNamesTheColumns) {
  const Folder folder;
  const Path path = folder.write("r.csv", "reader,book\n1,2\n");
  EXPECT_THAT(read_events(path).error, HasSubstr("its first row is 'reader' 'book'"));
  ColumnMapping mapping;
  mapping.columns = {{"user", "reeder"}, {"item", "book"}};
  EXPECT_THAT(read_events(path, mapping).error, HasSubstr("there is no column 'reeder'"));
  mapping.columns = {{"user", "reader"}, {"item", "book"}, {"colour", "book"}};
  EXPECT_THAT(read_events(path, mapping).error, HasSubstr("there is no field 'colour'"));
  mapping.columns = {{"user", "reader"}, {"item", "#2"}};
  mapping.constants = {{"type", "like"}};
  EXPECT_THAT(read_events(path, mapping).rows, ElementsAre("1|2|like"));
}

TEST(Readers, WhatAMappingLeavesOutIsFoundByTheHeader) {
  const Folder folder;
  const Path path = folder.write("r.csv", "customer_id,article,bought\nc,a,2020-01-02 03:04:05\n");
  ColumnMapping mapping;
  mapping.columns = {{"item", "article"}};
  EXPECT_THAT(read_events(path, mapping).rows, ElementsAre("c|a|click"));
  mapping.columns = {{"item", "article"}, {"ts", "bought"}};
  mapping.constants = {{"type", "purchase"}};
  EXPECT_THAT(read_events(path, mapping).rows, ElementsAre("c|a|purchase|2020-01-02T03:04:05Z"));
  mapping.columns = {{"user", "article"}, {"item", "customer_id"}};
  EXPECT_THAT(read_events(path, mapping).rows, ElementsAre("a|c|purchase"));
}

TEST(Readers, WhatCannotBeReadAtAllSaysWhatItIs) {
  const Folder folder;
  ColumnMapping user;
  user.columns = {{"user", "customer"}};
  EXPECT_THAT(read_events(folder.write("a.csv", "customer,what\nc,a\n"), user).error,
              HasSubstr("no column gives the field 'item'"));
  EXPECT_THAT(read_events(folder.write("e.csv", "")).error, HasSubstr("e.csv is empty"));
  EXPECT_THAT(read_events(folder.write("u.csv", std::string("\xff\xfeu\0s\0", 6))).error,
              HasSubstr("iconv -f UTF-16"));
  EXPECT_THAT(read_events(folder.write("x.csv", std::string("PK\3\4\0\0,\n", 8))).error,
              HasSubstr("no text"));
}

TEST(Readers, ATextFileIsWhatItsFirstLineLooksLike) {
  const Folder folder;
  const auto read = [&](std::string_view preset, const Path& path) {
    const auto sources = find_sources(preset, path);
    return read_events(path, sources.value().at(0).mapping).rows;
  };
  const Path table = folder.write("t.txt", "user\titem\n1\t2\n");
  EXPECT_THAT(read("auto", table), ElementsAre("1|2|click"));
  const Path lists = folder.write("l.txt", "1 2 3\n");
  EXPECT_THAT(read("auto", lists), ElementsAre("1|2|click", "1|3|click"));
  EXPECT_THAT(read("lists", lists), ElementsAre("1|2|click", "1|3|click"));
}

TEST(Readers, EveryFormGivesTheSameEvents) {
  const Folder folder;
  ColumnMapping rating;
  rating.columns = {{"user", "#1"}, {"item", "#2"}, {"value", "#3"}, {"ts", "#4"}};
  rating.constants = {{"type", "rating"}};
  const auto expected =
      ElementsAre("1|10|rating|4|1970-01-01T00:01:40Z", "2|20|rating|5|1970-01-01T00:03:20Z");
  EXPECT_THAT(read_events(folder.write("a.tsv", "1\t10\t4\t100\n2\t20\t5\t200"), rating).rows,
              expected);
  EXPECT_THAT(read_events(folder.write("a.dat", "1::10::4::100\n2::20::5::200\n"), rating).rows,
              expected);
  EXPECT_THAT(read_events(folder.write("a.csv", "1;10;4;100\n2;20;5;200\n"), rating).rows,
              expected);
  EXPECT_THAT(read_events(folder.write(
                              "a.json",
                              R"({"reviewerID":"1","asin":"10","overall":4.0,"helpful":[0,0],)"
                              R"("unixReviewTime":100})"
                              "\n"
                              R"({"overall":5,"asin":"20","unixReviewTime":200,"reviewerID":"2"})"))
                  .rows,
              expected);
  EXPECT_THAT(
      read_events(folder.write("a.jsonl", R"({"type":"rating","user":"1","item":"10","value":4,)"
                                          R"("ts":"1970-01-01T00:01:40Z"})"
                                          "\n"
                                          R"({"type":"rating","user":"2","item":"20","value":5,)"
                                          R"("ts":200000000})"))
          .rows,
      expected);
}

TEST(Readers, ListsOfItems) {
  const Folder folder;
  ColumnMapping mapping;
  mapping.format = SourceFormat::kLists;
  mapping.time_given = true;
  mapping.time = TimeKind::kOrder;
  const Outcome outcome = read_events(folder.write("l.txt", "0 5 7  5\n1\n2 9 \n"), mapping);
  EXPECT_THAT(outcome.rows, ElementsAre("0|5|click", "0|7|click", "0|5|click", "2|9|click"));
  EXPECT_THAT(outcome.occurrences, ElementsAre(0, 0, 1, 0));
}

TEST(Readers, ForeignTypesAndContext) {
  const Folder folder;
  ColumnMapping mapping;
  mapping.columns = {{"user", "user"},
                     {"item", "item"},
                     {"type", "event"},
                     {"context.country", "land"},
                     {"context.device", "dev"}};
  mapping.type_names = {{"lookat", "impression"}};
  const Outcome outcome = read_events(
      folder.write("r.csv",
                   "user,item,event,land,dev\n1,2,view,DE,tv\n1,2,lookat,,tv\n1,2,nope,,\n"),
      mapping);
  EXPECT_THAT(outcome.rows, ElementsAre(R"(1|2|click|{"country":"DE","device":"tv"})",
                                        R"(1|2|impression|{"device":"tv"})"));
  EXPECT_THAT(outcome.rejects, ElementsAre(std::pair<uint64_t, std::string>{4, "unknown_type"}));
}

TEST(Readers, ManyChunksComeInOrder) {
  const Folder folder;
  std::string text = "user,item,timestamp\n";
  std::vector<std::string> expected;
  for (int i = 0; text.size() < 4 * kChunkBytes; ++i) {
    text += fmt::format("u{},\"i\n{}\",{}\n", i, i % 7, 1000 + i);
  }
  const Path path = folder.write("r.csv", text);
  const Outcome one = read_events(path, {}, 1);
  const Outcome three = read_events(path, {}, 3);
  EXPECT_THAT(one.rejects.size(), ::testing::Gt(1000u));
  EXPECT_EQ(one.rejects, three.rejects);
  const Outcome packed = read_events(folder.write("r.csv.gz", gzip(text)), {}, 3);
  EXPECT_EQ(one.rejects, packed.rejects);
  for (size_t i = 0; i < one.rejects.size(); ++i) EXPECT_EQ(one.rejects[i].first, 2 * i + 2);
}

std::string sample_table(size_t rows) {
  std::string text = "user,item,rating\n";
  for (size_t i = 0; i < rows; ++i) text += fmt::format("u{},i{},{}\n", i % 97, i % 89, 1 + i % 5);
  return text;
}

TEST(Readers, MembersAndFramesFollowOneAnother) {
  const Folder folder;
  const std::string text = sample_table(3000);
  const size_t half = text.size() / 2 + 3;
  const auto plain = read_events(folder.write("r.csv", text)).rows;
  EXPECT_THAT(plain, SizeIs(3000));
  EXPECT_EQ(plain, read_events(folder.write("r.csv.gz", gzip(text.substr(0, half)) +
                                                            gzip(text.substr(half)) +
                                                            std::string(512, '\0')))
                       .rows);
  EXPECT_EQ(plain, read_events(folder.write("r.csv.zst",
                                            zstd(text.substr(0, half)) + zstd(text.substr(half))))
                       .rows);
}

RC_GTEST_PROP(Readers, AnyTruncationIsAnErrorAndInventsNoRows, ()) {
  static const std::string kText = sample_table(2000);
  static const std::array<std::string, 2> kPacked = {gzip(kText), zstd(kText)};
  const std::string& packed = kPacked[*rc::gen::inRange<size_t>(0, 2)];
  const size_t keep = *rc::gen::inRange<size_t>(8, packed.size());
  const Folder folder;
  static const auto whole = read_events(folder.write("whole.csv", kText)).rows;
  const Outcome cut = read_events(folder.write("cut.csv", packed.substr(0, keep)));
  RC_ASSERT(cut.error.find("cut off") != std::string::npos);
  RC_ASSERT(cut.rows.size() <= whole.size());
  RC_ASSERT(std::equal(cut.rows.begin(), cut.rows.end(), whole.begin()));
}

TEST(Readers, ADamagedMemberNamesFileAndPlace) {
  const Folder folder;
  std::string packed = gzip(sample_table(2000));
  packed[packed.size() - 6] ^= 1;  // in the checksum
  const Outcome outcome = read_events(folder.write("bad.csv.gz", packed));
  EXPECT_THAT(outcome.error, HasSubstr("bad.csv.gz: the gzip data is damaged at byte"));
}

TEST(Readers, ItemsAndUsers) {
  const Folder folder;
  const RejectSink none = [](const Reject& reject) -> Status {
    ADD_FAILURE() << reject.sentence;
    return {};
  };
  const auto sources = find_sources("movielens", [&] {
    (void)folder.write("u.data", "1\t2\t3\t881250949\n");
    (void)folder.write("u.user", "1|24|M|technician|85711\n");
    (void)folder.write("u.item",
                       "1|Mis\xe9rables, Les (1995)|01-Jan-1995||http://x|0|0|0|1|1|1|0|0|0|0|0|0|0"
                       "|0|0|0|0|0|0\n");
    return folder.path();
  }());
  ASSERT_TRUE(sources) << sources.error().message;
  ASSERT_THAT(*sources, SizeIs(3));
  auto items = open_items((*sources)[0].path, (*sources)[0].mapping);
  ASSERT_TRUE(items) << items.error().message;
  std::vector<ItemRecord> batch;
  ASSERT_TRUE(items->next(batch, none).value());
  EXPECT_EQ(to_json(batch.at(0)), R"j({"id":"1","titles":{"":"Misérables, Les (1995)"},)j"
                                  R"j("categories":["Animation","Children's","Comedy"],)j"
                                  R"j("released":"1995-01-01T00:00:00Z"})j");
  auto users = open_users((*sources)[1].path, (*sources)[1].mapping);
  std::vector<UserRecord> people;
  ASSERT_TRUE(users && users->next(people, none).value());
  EXPECT_EQ(people.at(0).age_band, "24");
  EXPECT_EQ(people.at(0).attributes.at("occupation"), "technician");
  EXPECT_THAT(read_events((*sources)[2].path, (*sources)[2].mapping).rows,
              ElementsAre("1|2|rating|3|1997-12-04T15:55:49Z"));
}

TEST(Readers, PresetsSayWhatTheyLookFor) {
  const Folder folder;
  EXPECT_THAT(find_sources("movielense", folder.path()).error().message, HasSubstr("goodbooks"));
  EXPECT_THAT(find_sources("movielens", folder.path()).error().message, HasSubstr("ratings.dat"));
  const Path path = folder.write("ratings.csv", "B000000001,AUSER99999999,5.0,1400000000\n");
  EXPECT_THAT(read_events(path, find_sources("amazon", folder.path()).value().back().mapping).rows,
              ElementsAre("AUSER99999999|B000000001|rating|5|2014-05-13T16:53:20Z"));
}

TEST(Quarantine, KeepsRowsCountsAndBounds) {
  const Folder folder;
  Quarantine quarantine({folder.path() / "quarantine", "a b/c.csv", 400});
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "quarantine"));
  ASSERT_TRUE(quarantine.add({"c.csv", 7, Reason::kBadValue, "no \"number\"", "1,2,x"}));
  ASSERT_TRUE(quarantine.add({"c.csv", 8, Reason::kBadUtf8, "bad", "\xff\x01"}));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(quarantine.add({"c.csv", 9, Reason::kBadUtf8, "bad", "x"}));
  }
  ASSERT_TRUE(quarantine.finish());
  ASSERT_TRUE(quarantine.path());
  EXPECT_THAT(quarantine.path()->filename().string(), HasSubstr("-a_b_c.csv.jsonl"));
  const std::string text = read_file(*quarantine.path()).value();
  EXPECT_LE(text.size(), 400u);
  EXPECT_THAT(
      text,
      HasSubstr(R"("line":7,"reason":"bad_value","message":"no \"number\"","bytes":"1,2,x"})"));
  EXPECT_THAT(text, HasSubstr(R"("bytes_base64":"/wE="})"));
  EXPECT_EQ(quarantine.total(), 102u);
  EXPECT_EQ(quarantine.counts().at(0).rows, 101u);
}

TEST(Readers, ARecipeReadsARowOnItsOwnAsItWasReadInItsFile) {
  const Folder folder;
  const auto check = [&](const std::string& name, const std::string& head, const std::string& row,
                         const ColumnMapping& mapping) {
    const EventTypes types = EventTypes::defaults();
    const Path whole = folder.write(name, head + row + "\n");
    const auto reader = open_events(whole, mapping, types).value();
    // As quarantine keeps it: through JSON.
    const auto recipe = mapping_from_json(to_json(reader.recipe())).value();
    const auto rows = read_events(whole, mapping).rows;
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(read_events(folder.write("row", row + "\n"), recipe).rows, rows) << name;
  };
  check("a.csv", "user_id;item_id;rating;timestamp\n", "u;i;4;1400000000", {});
  check("a.tsv", "", "u\ti\t4\t1400000000",
        {.columns = {{"user", "#1"}, {"item", "#2"}, {"value", "#3"}, {"ts", "#4"}}});
  check("a.dat", "", "u::i::4::1400000000",
        {.columns = {{"user", "#1"}, {"item", "#2"}, {"value", "#3"}, {"ts", "#4"}}});
  check("a.csv", "reader,book,land\n", "u,i,DE",
        {.columns = {{"user", "reader"}, {"item", "book"}, {"context.country", "land"}},
         .constants = {{"type", "save"}}});
  check("a.jsonl", "", R"({"who":"u","what":"i","when":1400000000})",
        {.columns = {{"user", "who"}, {"item", "what"}, {"ts", "when"}}});
  check("a.jsonl", "", R"({"type":"like","user":"u","item":"i","ts":"2026-01-01T00:00:00Z"})", {});
}

}  // namespace
}  // namespace palate
