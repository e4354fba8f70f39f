// Schemas: read, checked, compared, kept. Valijson is the second opinion about what fits.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>
#include <stdlib.h>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "events/schema/builtin_schema.h"
#include "events/schema/live_contract.h"

namespace palate {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

bool fits(const Json& schema, const Json& value) {
  valijson::Schema parsed;
  valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
  const valijson::adapters::NlohmannJsonAdapter schema_adapter(schema), value_adapter(value);
  parser.populateSchema(schema_adapter, parsed);
  valijson::Validator validator;
  return validator.validate(parsed, value_adapter, nullptr);
}

rc::Gen<Json> scalar() {
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::element<std::string>("", "a", "b", "é", "abc"),
                   [](const std::string& text) { return Json(text); }),
      rc::gen::map(rc::gen::inRange(-3, 6), [](int whole) { return Json(whole); }),
      rc::gen::map(rc::gen::inRange(-3, 6), [](int whole) { return Json(whole + 0.5); }),
      rc::gen::map(rc::gen::arbitrary<bool>(), [](bool flag) { return Json(flag); }),
      rc::gen::just(Json(nullptr)));
}

rc::Gen<Json> value(int depth) {
  if (depth == 0) return scalar();
  const auto list = rc::gen::exec([depth] {
    Json out = Json::array();
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) out.push_back(*value(depth - 1));
    return out;
  });
  const auto object = rc::gen::exec([depth] {
    Json out = Json::object();
    for (const std::string name : {"x", "y", "z"}) {
      if (*rc::gen::arbitrary<bool>()) out[name] = *value(depth - 1);
    }
    return out;
  });
  return rc::gen::oneOf(scalar(), list, object);
}

rc::Gen<Json> schema(int depth);

// Each keyword is there or not.
Json with_keywords(int depth) {
  const auto some = [] { return *rc::gen::inRange(0, 4) == 0; };
  Json out = Json::object();
  if (some()) {
    const auto type = rc::gen::element<std::string>("string", "number", "integer", "boolean",
                                                    "object", "array", "null");
    const std::string one = *type, other = *type;
    out["type"] = one == other ? Json(one) : Json{one, other};
  }
  if (some()) out["enum"] = {*scalar(), *scalar()};
  if (some()) out["minimum"] = *rc::gen::inRange(-2, 3);
  if (some()) out["maximum"] = *rc::gen::inRange(-2, 5);
  if (some()) out["exclusiveMinimum"] = *rc::gen::inRange(-2, 3);
  if (some()) out["minLength"] = *rc::gen::inRange(0, 3);
  if (some()) out["maxLength"] = *rc::gen::inRange(0, 3);
  if (some()) out["pattern"] = *rc::gen::element<std::string>("^a", "b", "^$");
  if (some()) out["maxItems"] = *rc::gen::inRange(0, 3);
  if (some()) out["minProperties"] = *rc::gen::inRange(0, 2);
  if (depth == 0) return out;
  if (some()) out["items"] = *schema(depth - 1);
  if (some()) {
    out["properties"] = {{"x", *schema(depth - 1)}, {"y", *schema(depth - 1)}};
  }
  if (some()) out["additionalProperties"] = some() ? Json(false) : *schema(depth - 1);
  if (some()) out["required"] = {*rc::gen::element<std::string>("x", "y", "z")};
  return out;
}

rc::Gen<Json> schema(int depth) {
  return rc::gen::exec([depth] { return with_keywords(depth); });
}

RC_GTEST_PROP(Schema, SaysWhatValijsonSays, ()) {
  const Json document = *schema(2);
  const SchemaNode node = parse_schema(document.dump()).value();
  for (int i = 0; i < 10; ++i) {
    const Json some = *value(2);
    const auto wrong = check_json(node, some.dump());
    RC_LOG() << document << " " << some << " " << (wrong ? wrong->sentence : "fits");
    RC_ASSERT(fits(document, some) == !wrong);
  }
}

// What is called compatible must be: nothing that fitted before is refused afterwards.
RC_GTEST_PROP(Schema, CompatibleChangesKeepWhatWasValid, ()) {
  const Json before = *schema(2);
  Json after = before;
  const Json other = *schema(2);  // some keywords of another
  for (const auto& [keyword, at] : other.items()) {
    if (*rc::gen::arbitrary<bool>()) after[keyword] = at;
  }
  for (const auto& [keyword, at] : before.items()) {
    if (*rc::gen::inRange(0, 3) == 0) after.erase(keyword);
  }
  const SchemaNode was = parse_schema(before.dump()).value();
  const SchemaNode is = parse_schema(after.dump()).value();
  const auto changes = compare_schemas(was, is);
  const bool backward = std::ranges::all_of(changes, &SchemaChange::backward);
  const bool forward = std::ranges::all_of(changes, &SchemaChange::forward);
  RC_CLASSIFY(backward && !changes.empty());
  for (int i = 0; i < 20; ++i) {
    const std::string some = (*value(2)).dump();
    const bool fitted = !check_json(was, some), fits_now = !check_json(is, some);
    RC_LOG() << before << " " << after << " " << some;
    RC_ASSERT(!(backward && fitted && !fits_now));
    RC_ASSERT(!(forward && fits_now && !fitted));
  }
}

TEST(Schema, NamesWhatItDoesNotUnderstand) {
  const auto message = [](std::string_view text) { return parse_schema(text).error().message; };
  EXPECT_THAT(message(R"({"properties":{"value":{"minimum":"1"}}})"),
              HasSubstr("at /properties/value/minimum: a number is wanted"));
  EXPECT_THAT(message(R"({"oneOf":[]})"), HasSubstr("at /oneOf: this keyword is not understood"));
  EXPECT_THAT(message(R"({"type":"date"})"), HasSubstr("a type is string, number"));
  EXPECT_THAT(message(R"x({"pattern":"(?=a)"})x"), HasSubstr("at /pattern: "));
  EXPECT_THAT(message("{"), HasSubstr("not JSON"));
  EXPECT_THAT(message(std::string(1000, '[')), HasSubstr("too deep"));
  EXPECT_THAT(message(R"({"allOf":[{"if":{"properties":{"user":{"const":"a"}}},"then":{}}]})"),
              HasSubstr("at /allOf/0/if: only"));
}

TEST(Schema, ChangesSayWhichFieldAndWhy) {
  const SchemaNode before = builtin_schema(Stream::kEvents);
  Json text = Json::parse(builtin_schema_text(Stream::kEvents));
  text["properties"]["value"]["maximum"] = 5;
  text["properties"]["coupon"] = {{"type", "string"}};
  text["required"].push_back("item");
  const auto changes = compare_schemas(before, parse_schema(text.dump()).value());
  const Status status = check_compatible(changes, Compatibility::kBackward);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kConflict);
  EXPECT_THAT(status.error().message, HasSubstr("value: the maximum goes from none to 5"));
  EXPECT_THAT(status.error().message, HasSubstr("item: it is required now"));
  EXPECT_THAT(status.error().message, ::testing::Not(HasSubstr("coupon")));
  EXPECT_THAT(check_compatible(changes, Compatibility::kFull).error().message,
              HasSubstr("coupon: the field is new (readers of the old schema"));
  EXPECT_TRUE(check_compatible(changes, Compatibility::kNone));
}

// A field that is new and not required takes nothing away, whatever it may be.
TEST(Schema, ANewFieldWithAListOfValuesIsCompatible) {
  for (const std::string other : {"false", R"({"type":"number"})"}) {
    const auto with = [&](const std::string& properties) {
      return parse_schema(R"({"properties":{)" + properties + R"(},"additionalProperties":)" +
                          other + "}")
          .value();
    };
    const auto changes =
        compare_schemas(with(""), with(R"("country":{"type":"string","enum":["DE","FR"]})"));
    EXPECT_EQ(check_compatible(changes, Compatibility::kBackward).has_value(), other == "false");
    EXPECT_FALSE(check_compatible(changes, Compatibility::kForward));
  }
}

class SchemaRegistryTest : public ::testing::Test {
 protected:
  SchemaRegistryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "palate-schema-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~SchemaRegistryTest() override { std::filesystem::remove_all(root_); }

  // Ratings from 0.5 to 5, a country that is one of two, nothing else in the context.
  static std::string strict() {
    Json text = Json::parse(builtin_schema_text(Stream::kEvents));
    text["properties"]["context"] = {
        {"type", "object"},
        {"properties", {{"country", {{"type", "string"}, {"enum", {"DE", "FR"}}}}}},
        {"additionalProperties", false}};
    text["allOf"] = {{{"if", {{"properties", {{"type", {{"const", "rating"}}}}}}},
                      {"then",
                       {{"required", {"value"}},
                        {"properties", {{"value", {{"minimum", 0.5}, {"maximum", 5}}}}}}}}};
    return text.dump(2);
  }

  Path root_;
  EventTypes types_ = EventTypes::defaults();
};

EventView event(const EventTypes& types, std::string_view type) {
  EventView row;
  row.user = "u";
  row.item = "i";
  row.type = *types.find(type);
  return row;
}

TEST_F(SchemaRegistryTest, StartsWithWhatIsBuiltInAndGrows) {
  auto registry = SchemaRegistry::open(root_).value();
  EXPECT_EQ(registry.current(Stream::kEvents).number, 1u);
  EXPECT_EQ(registry.contract(types_)->check(event(types_, "click")).reason, Reason::kNone);
  EXPECT_EQ(registry.evolve(Stream::kEvents, strict(), Compatibility::kBackward).error().code,
            Code::kConflict);
  EXPECT_EQ(registry.evolve(Stream::kEvents, strict(), Compatibility::kNone).value(), 2u);
  EXPECT_EQ(registry.evolve(Stream::kEvents, strict(), Compatibility::kNone).value(), 2u)
      << "nothing changes";

  auto again = SchemaRegistry::open(root_).value();
  EXPECT_EQ(again.current(Stream::kEvents).number, 2u);
  EXPECT_EQ(again.version(Stream::kEvents, 1).value()->schema, builtin_schema(Stream::kEvents));
  EXPECT_THAT(again.version(Stream::kEvents, 3).error().message, HasSubstr("versions 1 to 2"));
  EXPECT_EQ(again.current(Stream::kItems).number, 1u);
}

TEST_F(SchemaRegistryTest, ChecksRangesAndVocabulariesByType) {
  auto registry = SchemaRegistry::open(root_).value();
  ASSERT_TRUE(registry.evolve(Stream::kEvents, strict(), Compatibility::kNone));
  const auto contract = registry.contract(types_);
  EventView row = event(types_, "rating");
  EXPECT_THAT(contract->check(row).sentence, HasSubstr("schema event/2: value: it is required"));
  row.value = 5.5;
  EXPECT_EQ(contract->check(row).field, "value");
  row.value = 5;
  EXPECT_EQ(contract->check(row).reason, Reason::kNone);
  row.context = R"({"country":"XX"})";
  EXPECT_EQ(contract->check(row).field, "context.country");
  row.context = R"({"country":"DE"})";
  EXPECT_EQ(contract->check(row).reason, Reason::kNone);
  row.context = R"({"device":"tv"})";
  EXPECT_THAT(contract->check(row).sentence, HasSubstr("context.device: there may be no such"));
  EXPECT_EQ(contract->check(event(types_, "click")).reason, Reason::kNone)
      << "the range is that of ratings";
}

// A rule that nobody applies is worse than none.
TEST_F(SchemaRegistryTest, RulesOfTheWholeEventHold) {
  const auto refusal = [&](const Json& rules, std::string_view type) {
    std::filesystem::remove_all(root_ / "schemas");
    auto registry = SchemaRegistry::open(root_).value();
    Json text = Json::parse(builtin_schema_text(Stream::kEvents));
    text.update(rules);
    EXPECT_TRUE(registry.evolve(Stream::kEvents, text.dump(), Compatibility::kNone));
    return registry.contract(types_)->check(event(types_, type)).sentence;
  };
  const auto of_ratings = [](const Json& then) {
    const Json when{{"properties", {{"type", {{"const", "rating"}}}}}};
    return Json{{"allOf", Json::array({Json{{"if", when}, {"then", then}}})}};
  };
  for (const Json& then : {Json(false), Json{{"type", "string"}}, Json{{"enum", {"a"}}}}) {
    EXPECT_THAT(refusal(of_ratings(then), "rating"), HasSubstr("there may be no such event"));
    EXPECT_EQ(refusal(of_ratings(then), "click"), "");
  }
  EXPECT_THAT(refusal(of_ratings({{"minProperties", 5}}), "rating"),
              HasSubstr("4 properties, at least 5 are wanted"));
  EXPECT_THAT(refusal({{"maxProperties", 3}}, "click"),
              HasSubstr("4 properties, at most 3 are allowed"));
  EXPECT_EQ(refusal({{"maxProperties", 4}}, "click"), "");
  EXPECT_THAT(refusal({{"required", {"type", "user", "coupon"}}}, "click"),
              HasSubstr("coupon: it is required"));
}

TEST_F(SchemaRegistryTest, ConditionsAreOfEventsOnly) {
  auto registry = SchemaRegistry::open(root_).value();
  const auto refused = registry.evolve(
      Stream::kItems,
      R"({"allOf":[{"if":{"properties":{"type":{"const":"film"}}},"then":{"required":["id"]}}]})",
      Compatibility::kNone);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("conditions are of events only"));
}

TEST_F(SchemaRegistryTest, ChecksReferences) {
  auto registry = SchemaRegistry::open(root_).value();
  const auto contract =
      registry.contract(types_, {.item = [](std::string_view id) { return id == "i"; },
                                 .user = [](std::string_view id) { return id != "stranger"; }});
  EventView row = event(types_, "click");
  EXPECT_EQ(contract->check(row).reason, Reason::kNone);
  row.item = "j";
  EXPECT_EQ(contract->check(row).reason, Reason::kUnknownItem);
  row.item = "";
  EXPECT_EQ(contract->check(row).reason, Reason::kNone) << "a search is about no item";
  row.user = "stranger";
  EXPECT_EQ(contract->check(row).reason, Reason::kUnknownUser);
}

TEST_F(SchemaRegistryTest, DamageIsFoundAndNamed) {
  auto registry = SchemaRegistry::open(root_).value();
  ASSERT_TRUE(registry.evolve(Stream::kEvents, strict(), Compatibility::kNone));
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(root_ / "schemas")) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  ASSERT_EQ(files.size(), 2u);
  for (const Path& path : files) {
    const std::string text = read_file(path).value();
    for (size_t byte = 0; byte < text.size(); byte += 7) {
      std::string wrong = text;
      wrong[byte] ^= 1;
      std::ofstream(path) << wrong;
      const auto opened = SchemaRegistry::open(root_);
      ASSERT_FALSE(opened);
      EXPECT_EQ(opened.error().code, Code::kCorrupt);
      EXPECT_THAT(opened.error().message, HasSubstr(path.string()));
    }
    std::ofstream(path) << text;
  }
  std::filesystem::remove(*std::ranges::min_element(files));
  EXPECT_THAT(SchemaRegistry::open(root_).error().message, HasSubstr("version 1 of schema event"));
}

TEST_F(SchemaRegistryTest, TheLoserOfTwoChangesIsTold) {
  auto one = SchemaRegistry::open(root_).value(), other = SchemaRegistry::open(root_).value();
  ASSERT_TRUE(one.evolve(Stream::kEvents, strict(), Compatibility::kNone));
  const auto late = other.evolve(Stream::kEvents, R"({"title":"anything"})", Compatibility::kNone);
  EXPECT_THAT(late.error().message, HasSubstr("changed meanwhile"));
}

TEST_F(SchemaRegistryTest, AServerFollows) {
  const auto live = LiveContract::open(root_, types_).value();
  EventView row = event(types_, "rating");
  EXPECT_EQ(live->get()->check(row).reason, Reason::kNone);
  auto registry = SchemaRegistry::open(root_).value();
  ASSERT_TRUE(registry.evolve(Stream::kEvents, strict(), Compatibility::kNone));
  std::this_thread::sleep_for(LiveContract::kLookEvery * 1.1);
  EXPECT_EQ(live->get()->check(row).reason, Reason::kSchema);
  // What cannot be read changes nothing.
  std::ofstream(root_ / "schemas" / "event-3-0000000000000000.json") << "{}";
  std::this_thread::sleep_for(LiveContract::kLookEvery * 1.1);
  EXPECT_EQ(live->get()->check(row).reason, Reason::kSchema);
}

}  // namespace
}  // namespace palate
