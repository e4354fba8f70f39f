#include "artefact/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace palate {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Manifest example() {
  Manifest manifest;
  manifest.kind = "als";
  manifest.version = "000017";
  manifest.tenant = "shop";
  manifest.created = "2026-01-01T00:00:00Z";
  manifest.code_version = "0.1.0";
  manifest.seed = 18446744073709551615ULL;
  manifest.config_json = R"({"factors":64})";
  manifest.metrics_json = R"({"loss":0.25})";
  manifest.details_json = R"({"seen":{"fingerprint":18446744073709551557}})";
  manifest.as_of_json = R"([{"offset":9,"partition":0,"stream":"events"}])";
  manifest.items = 10'000;
  manifest.dictionary = std::string(32, 'a');
  manifest.feature_spec = "0123456789abcdef";
  manifest.event_types = "fedcba9876543210";
  manifest.checksums = {{"tensors.safetensors", std::string(32, 'b')}};
  return manifest;
}

// The text of a manifest whose JSON a test changed, with a checksum that fits.
std::string sealed(const Json& json) {
  Json body = json;
  body.erase("checksum");
  const std::string rest = body.dump(2).substr(2) + "\n";
  return "{\n  \"checksum\": \"" + to_hex(hash128(rest)) + "\",\n" + rest;
}

TEST(Manifest, EveryFieldComesBack) {
  const auto text = to_json(example());
  ASSERT_TRUE(text.has_value());
  const auto read = manifest_from_json(*text);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(to_json(*read), *text);
  EXPECT_EQ(read->seed, example().seed);
  EXPECT_EQ(read->details_json, example().details_json);
  EXPECT_EQ(read->as_of_json, example().as_of_json);
  EXPECT_EQ(read->checksums, example().checksums);
  EXPECT_EQ(sealed(Json::parse(*text)), *text);  // what the tests below rely on
}

TEST(Manifest, NestingWithoutEndIsRefused) {
  Json json = Json::parse(to_json(example()).value());
  json["config"] = Json{{"a", "HERE"}};
  json.erase("checksum");
  std::string rest = json.dump(2).substr(2) + "\n";
  constexpr size_t kDepth = 1'000'000;  // more than a stack of 8 MiB would bear
  rest.replace(rest.find("\"HERE\""), 6, std::string(kDepth, '[') + std::string(kDepth, ']'));
  const auto read =
      manifest_from_json("{\n  \"checksum\": \"" + to_hex(hash128(rest)) + "\",\n" + rest);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::kCorrupt);
  EXPECT_THAT(read.error().message, HasSubstr("nested too deeply"));
}

TEST(Manifest, AMissingFieldIsNamed) {
  const Json whole = Json::parse(to_json(example()).value());
  for (const auto& [key, value] : whole.items()) {
    if (key == "checksum") continue;
    Json without = whole;
    without.erase(key);
    const auto read = manifest_from_json(sealed(without));
    ASSERT_FALSE(read.has_value()) << key;
    EXPECT_EQ(read.error().code, Code::kCorrupt);
    EXPECT_THAT(read.error().message, HasSubstr("'" + key + "'"));
  }
}

TEST(Manifest, AFieldOfAnotherTypeIsNamed) {
  const Json whole = Json::parse(to_json(example()).value());
  for (const auto& [key, value] : whole.items()) {
    if (key == "checksum") continue;
    for (const Json& other : {Json(-1), Json(1.5), Json(nullptr), Json(true)}) {
      Json changed = whole;
      changed[key] = other;
      const auto read = manifest_from_json(sealed(changed));
      ASSERT_FALSE(read.has_value()) << key << " " << other;
      EXPECT_EQ(read.error().code, Code::kCorrupt);
      EXPECT_THAT(read.error().message, HasSubstr("'" + key + "'"));
    }
  }
}

TEST(Manifest, AnUnknownFieldIsNamed) {
  Json changed = Json::parse(to_json(example()).value());
  changed["surprise"] = 1;
  const auto read = manifest_from_json(sealed(changed));
  ASSERT_FALSE(read.has_value());
  EXPECT_THAT(read.error().message, HasSubstr("'surprise'"));
}

TEST(Manifest, ANewerFormatThatWeCanReadMayHaveMoreFields) {
  Json changed = Json::parse(to_json(example()).value());
  changed["surprise"] = 1;
  changed["format"] = kArtefactFormat + 1;
  EXPECT_TRUE(manifest_from_json(sealed(changed)).has_value());
}

TEST(Manifest, ANewerReaderIsAskedForWhateverElseChanged) {
  for (const std::string text : {R"({"reader_min": 2})", R"({"reader_min": 900, "kind": 7})"}) {
    const auto read = manifest_from_json(text);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, Code::kUnsupportedVersion);
    EXPECT_THAT(read.error().message, HasSubstr("use a newer palate"));
  }
}

TEST(Manifest, FileNamesCannotLeaveTheDirectory) {
  for (const std::string name : {"../manifest.json", "/etc/passwd", "a/b", ".x", ""}) {
    Json changed = Json::parse(to_json(example()).value());
    changed["checksums"][name] = std::string(32, 'c');
    const auto read = manifest_from_json(sealed(changed));
    ASSERT_FALSE(read.has_value()) << name;
    EXPECT_EQ(read.error().code, Code::kCorrupt);
  }
}

TEST(Manifest, JsonThatIsNoneIsRefusedOnWriting) {
  Manifest manifest = example();
  manifest.config_json = "{";
  EXPECT_EQ(to_json(manifest).error().code, Code::kInvalidArgument);
  manifest = example();
  manifest.details_json = "[]";
  EXPECT_THAT(to_json(manifest).error().message, HasSubstr("details"));
  manifest = example();
  manifest.kind = "\xff";
  EXPECT_EQ(to_json(manifest).error().code, Code::kInvalidArgument);
}

TEST(Manifest, PositionsComeBack) {
  const AsOf as_of{{Stream::kEvents, 0, 9}, {Stream::kItems, 0, 18446744073709551615ULL}};
  EXPECT_EQ(as_of_from_json(as_of_to_json(as_of)), as_of);
  for (const std::string_view wrong :
       {"", "{}", "[1]", R"([{"stream":"rivers","partition":0,"offset":1}])",
        R"([{"stream":"events","partition":4294967296,"offset":1}])",
        R"([{"stream":"events","partition":0,"offset":-1}])", R"([{"stream":"events"}])"}) {
    const auto read = as_of_from_json(wrong);
    ASSERT_FALSE(read.has_value()) << wrong;
    EXPECT_EQ(read.error().code, Code::kCorrupt);
  }
}

}  // namespace
}  // namespace palate
