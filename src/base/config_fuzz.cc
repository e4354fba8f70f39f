// Any text as palate.toml: read or refused in words. What was read is in range, and a second
// reading gives the same.
#include "base/check.h"
#include "base/config.h"

namespace palate {
namespace {

struct Section {
  bool flag = false;
  int whole = 3;
  uint64_t large = 7;
  double number = 0.5;
  std::string word = "a";
  std::vector<std::string> list;

  static void fields(FieldVisitor<Section>& field) {
    field("flag", &Section::flag, {}, "A flag.");
    field("whole", &Section::whole, {.min = 1, .max = 100}, "A whole number.");
    field("large", &Section::large, {.min = 0, .max = 1e18}, "A large number.");
    field("number", &Section::number, {.min = 0, .max = 1}, "A number.");
    field("word", &Section::word, {.one_of = {"a", "b"}}, "A word.");
    field("list", &Section::list, {}, "A list.");
  }
};

struct Read {
  Section section;
  std::vector<std::pair<std::string, std::map<std::string, FieldValue>>> tables;
  Status status;

  explicit Read(std::string_view text) {
    ConfigSchema schema;
    schema.add("section", section);
    schema.add_table(
        "types", "A table.", "",
        [this](const std::string& name, const std::map<std::string, FieldValue>& keys) {
          tables.emplace_back(name, keys);
          return Status();
        });
    status = schema.apply_toml(text, "palate.toml");
  }
};

}  // namespace
}  // namespace palate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace palate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Read first(text), second(text);
  PALATE_CHECK(first.status.has_value() == second.status.has_value(), "read once, refused once");
  if (!first.status) {
    PALATE_CHECK(first.status.error().code == Code::kInvalidArgument, "the file is at fault");
    PALATE_CHECK(first.status.error().message == second.status.error().message, "other words");
  }
  PALATE_CHECK(first.section.whole >= 1 && first.section.whole <= 100, "out of range");
  PALATE_CHECK(first.section.number >= 0 && first.section.number <= 1, "out of range");
  PALATE_CHECK(first.section.word == "a" || first.section.word == "b", "not one of these");
  PALATE_CHECK(first.tables.size() == second.tables.size(), "other tables");
  return 0;
}
