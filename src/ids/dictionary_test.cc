#include "ids/dictionary.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/hash.h"
#include "ids/dictionary_writer.h"
#include "ids/key_blocks.h"

namespace palate {
namespace {

using testing::HasSubstr;
using Verify = Dictionary::Verify;

Path fresh_directory() {
  const Path path = testing::TempDir() + fmt::format("palate_dictionary_{}", ::getpid());
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

Status write(const Path& path, const std::vector<std::string>& keys,
             const DictionaryOptions& options = {}) {
  ThreadPool pool(2);
  auto writer = TRY(DictionaryWriter::create(path, options, pool));
  for (const std::string& key : keys) TRY(writer.add(key));
  return writer.commit();
}

class DictionaryTest : public testing::Test {
 protected:
  ~DictionaryTest() override { std::filesystem::remove_all(directory_); }

  std::shared_ptr<const Dictionary> make(const std::vector<std::string>& keys,
                                         const DictionaryOptions& options = {}) {
    const auto written = write(path_, keys, options);
    EXPECT_TRUE(written) << written.error().message;
    auto opened = Dictionary::open(path_, Verify::kYes);
    EXPECT_TRUE(opened) << opened.error().message;
    return *opened;
  }
  static void expect_holds(const Dictionary& dictionary, const std::vector<std::string>& keys) {
    ASSERT_EQ(dictionary.size(), keys.size());
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    std::vector<uint32_t> found(keys.size());
    dictionary.find_many(views, found);
    for (uint32_t i = 0; i < keys.size(); ++i) {
      ASSERT_EQ(dictionary.find(keys[i]), i) << keys[i];
      ASSERT_EQ(found[i], i);
      ASSERT_EQ(dictionary.name(i).value(), keys[i]);
    }
  }

  const Path directory_ = fresh_directory();
  const Path path_ = directory_ / "items.dictionary";
};

std::vector<std::string> made(size_t count, const std::function<std::string(size_t)>& key) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(key(i));
  return keys;
}

std::string hex_key(size_t i) { return fmt::format("{:016x}", hash64(std::to_string(i))); }

TEST_F(DictionaryTest, BothWaysForEachKindOfKey) {
  const std::vector<std::function<std::string(size_t)>> kinds{
      [](size_t i) { return std::to_string(i); },
      [](size_t i) { return fmt::format("item-{:06}", i * 7); },
      hex_key,
      [](size_t i) { return fmt::format("B00{:X}-{}", hash64(hex_key(i)) >> 40, i); },
      [](size_t i) { return std::string(reinterpret_cast<const char*>(&i), sizeof i); },
      [](size_t i) { return std::string(i % 700, static_cast<char>('a' + i % 26)) + hex_key(i); },
      [](size_t i) { return fmt::format("{}{}", i % 3 == 0 ? "00" : "", i); },
  };
  for (const auto& kind : kinds) {
    for (const size_t count : {1, 2, 31, 32, 33, 1000, 70'000}) {
      expect_holds(*make(made(count, kind)), made(count, kind));
    }
  }
}

TEST_F(DictionaryTest, OfNoKeysKnowsNothing) {
  const auto dictionary = make({});
  EXPECT_EQ(dictionary->size(), 0U);
  EXPECT_EQ(dictionary->find(""), std::nullopt);
  std::vector<uint32_t> found(1);
  dictionary->find_many(std::vector<std::string_view>{"a"}, found);
  EXPECT_EQ(found[0], Dictionary::kAbsent);
}

TEST_F(DictionaryTest, KeysOfNoBytesAndOf64KiB) {
  const std::string longest(kKeyBytesMax, 'x');
  const std::vector<std::string> keys{"", longest, longest.substr(1), "a"};
  expect_holds(*make(keys), keys);
  const auto refused = write(path_, {longest + "x"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("65537 bytes"));
}

TEST_F(DictionaryTest, DuplicateKeysAreNamedAndNothingStays) {
  for (const size_t memory : {0, 1 << 16}) {
    auto keys = made(100'000, hex_key);
    keys[99'000] = keys[77];
    const auto written = write(path_, keys, {.hash_memory_bytes_max = memory});
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::kAlreadyExists);
    EXPECT_THAT(written.error().message,
                HasSubstr("key 77 '" + keys[77] + "' is there again as key 99000"));
    EXPECT_TRUE(std::filesystem::is_empty(directory_));
  }
}

TEST_F(DictionaryTest, BeyondMemoryGivesTheSameBytes) {
  const auto keys = made(600'000, hex_key);
  const Path other = directory_ / "other";
  ASSERT_TRUE(write(path_, keys));
  const auto written = write(other, keys, {.hash_memory_bytes_max = 1 << 20});
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(read_file(path_).value(), read_file(other).value());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 2);
}

// The stated rate: 2^-bits of the strings that are no key are taken for one; none with whole
// hashes.
TEST_F(DictionaryTest, FalseAcceptsAreAsRareAsStated) {
  const auto keys = made(50'000, hex_key);
  constexpr size_t kAsked = 1'000'000;
  for (const uint32_t bits : {16U, 20U, 24U, 0U}) {
    const auto dictionary = make(keys, {.fingerprint_bits = bits});
    EXPECT_EQ(dictionary->fingerprint_bits(), bits);
    double accepted = 0;
    for (size_t i = 0; i < kAsked; ++i) {
      accepted += dictionary->find("absent" + std::to_string(i)).has_value() ? 1 : 0;
    }
    const double expected = bits == 0 ? 0 : kAsked * std::pow(2.0, -static_cast<double>(bits));
    EXPECT_NEAR(accepted, expected, 5 * std::sqrt(expected)) << bits << " bits";
  }
}

TEST_F(DictionaryTest, BytesAreReportedApartAndAddUp) {
  const auto keys = made(100'000, [](size_t i) { return fmt::format("item-{}", i); });
  const auto bytes = make(keys)->bytes();
  EXPECT_EQ(bytes.total(), std::filesystem::file_size(path_));
  EXPECT_LE(bytes.hash * 8, 100'000 * 2.35);
  EXPECT_EQ(bytes.order, 100'000 * 17 / 8);
  EXPECT_EQ(bytes.verification, 200'000U);
  EXPECT_LE(bytes.way_back, 100'000 * 2);  // of ten bytes of text
  EXPECT_LE(bytes.rest, 1000U);
  EXPECT_EQ(make(keys, {.fingerprint_bits = 0})->bytes().verification, 1'600'000U);
}

TEST_F(DictionaryTest, AFileThatIsReplacedStaysForItsReaders) {
  const auto before = made(5000, hex_key);
  const auto reader = make(before);
  ASSERT_TRUE(write(path_, {"only"}));
  expect_holds(*reader, before);
  EXPECT_EQ(Dictionary::open(path_, Verify::kYes).value()->size(), 1U);
}

TEST_F(DictionaryTest, CutOffFilesAreRefusedByName) {
  ASSERT_TRUE(write(path_, made(3000, hex_key)));
  const std::string whole = read_file(path_).value();
  for (size_t size = 0; size < whole.size(); size += 997) {
    ASSERT_TRUE(write_file_atomically(path_, std::string_view(whole).substr(0, size)));
    const auto opened = Dictionary::open(path_, Verify::kNo);
    ASSERT_FALSE(opened) << size;
    EXPECT_EQ(opened.error().code, Code::kCorrupt) << size;
    EXPECT_THAT(opened.error().message, HasSubstr("items.dictionary"));
  }
}

TEST_F(DictionaryTest, EveryFlippedByteIsFound) {
  ASSERT_TRUE(write(path_, made(500, hex_key)));
  const std::string whole = read_file(path_).value();
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << at % 8);
    const auto bytes = std::as_bytes(std::span<const char>(damaged));
    EXPECT_FALSE(Dictionary::parse(bytes, Verify::kYes)) << at;
  }
  std::string damaged = whole;
  damaged[100] ^= 1;
  ASSERT_TRUE(write_file_atomically(path_, damaged));
  EXPECT_TRUE(Dictionary::open(path_, Verify::kNo));
  const auto opened = Dictionary::open(path_, Verify::kYes);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_THAT(opened.error().message, HasSubstr("items.dictionary"));
}

TEST_F(DictionaryTest, OtherFilesAndNewerFormatsAreToldApart) {
  ASSERT_TRUE(write(path_, {"a"}));
  std::string bytes = read_file(path_).value();
  EXPECT_TRUE(Dictionary::is_one(bytes));
  bytes[8] = 9;
  ASSERT_TRUE(write_file_atomically(path_, bytes));
  EXPECT_EQ(Dictionary::open(path_, Verify::kNo).error().code, Code::kUnsupportedVersion);
  ASSERT_TRUE(write_file_atomically(path_, std::string(1000, 'x')));
  EXPECT_EQ(Dictionary::open(path_, Verify::kNo).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(Dictionary::is_one("x"));
}

TEST_F(DictionaryTest, ADiskThatFillsUpLeavesNothing) {
  for (const std::string_view step : {"create", "write", "sync", "rename"}) {
    set_file_faults_for_test(
        [&](std::string_view operation, const Path&) { return operation == step ? ENOSPC : 0; });
    const auto written = write(path_, made(1000, hex_key));
    set_file_faults_for_test(nullptr);
    EXPECT_EQ(written.error().code, Code::kNoSpace) << step;
    EXPECT_TRUE(std::filesystem::is_empty(directory_)) << step;
  }
}

RC_GTEST_PROP(KeyBlocks, GiveBackWhatTheyWereGiven, ()) {
  const auto character = rc::gen::oneOf(rc::gen::inRange('0', ':'), rc::gen::arbitrary<char>());
  auto keys =
      *rc::gen::container<std::vector<std::string>>(rc::gen::container<std::string>(character));
  keys.resize(std::min(keys.size(), kKeysPerBlock));
  const auto prefix = *rc::gen::container<std::string>(character);
  for (std::string& key : keys) key.insert(0, prefix);
  if (keys.empty()) return;
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  for (const SymbolTable& symbols : {SymbolTable(), SymbolTable::train(views)}) {
    const auto parsed = SymbolTable::parse(symbols.bytes()).value();
    std::string block;
    append_key_block(views, symbols, block);
    for (size_t i = 0; i < keys.size(); ++i) {
      std::string key;
      RC_ASSERT(read_key(block, i, parsed, key));
      RC_ASSERT(key == keys[i]);
    }
    std::string none;
    RC_ASSERT(!read_key(block, keys.size(), parsed, none));
  }
}

TEST(SymbolTable, HalvesWhatRepeats) {
  std::vector<std::string> texts = made(2000, [](size_t i) {
    return fmt::format("https://example.org/{}/{}.html", i % 7 == 0 ? "books" : "films",
                       hex_key(i));
  });
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto symbols = SymbolTable::train(views);
  std::string coded, back;
  size_t plain = 0;
  for (const auto text : views) symbols.encode(text, coded), plain += text.size();
  EXPECT_LT(coded.size() * 2, plain);
  EXPECT_TRUE(symbols.decode(coded, plain, back));
  EXPECT_EQ(back.size(), plain);
  back.clear();
  EXPECT_FALSE(symbols.decode(coded, plain - 1, back));
}

}  // namespace
}  // namespace palate
