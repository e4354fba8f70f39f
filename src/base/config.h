// Configuration: a struct says its fields once, and TOML, flags, environment, `palate init`,
// `--help`, the reference page and the tuning ranges all come from there.
//
//   struct AlsConfig {
//     int factors = 64;
//     double regularization = 0.01;
//     static void fields(FieldVisitor<AlsConfig>& field) {
//       field("factors", &AlsConfig::factors, {.min = 1, .max = 4096, .unit = "dimensions"},
//       "Length of a vector."); …
//
// A section is a name ("als") and such a struct. Keys are "section.key" everywhere: `[als] factors
// = 64` in the file,
// `--als.factors 64` as a flag, `PALATE_ALS_FACTORS=64` in the environment. Flag over environment
// over file over default.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace palate {

// A field's value, as text-free types. Durations are doubles or ints whose key carries the unit
// (half_life_s).
using FieldValue = std::variant<bool, int64_t, double, std::string, std::vector<std::string>>;

struct FieldRange {
  double min = -1e300;
  double max = 1e300;
  std::string unit = {};
  std::vector<std::string> one_of = {};  // for strings: the only values allowed
  bool tune = false;                     // searched by `palate tune` between min and max
  bool tune_log = false;                 // … on a logarithmic scale
};

// One field of one section, with its storage bound.
struct Field {
  std::string section;
  std::string key;
  std::string sentence;
  FieldRange range;
  FieldValue default_value;
  std::function<FieldValue()> get;
  std::function<void(const FieldValue&)>
      set;  // the value has the type of default_value and is in range
  [[nodiscard]] std::string name() const { return section + "." + key; }
};

// Checks type and range, then sets. `said_by` (a file and line, a flag) goes in front of the error.
// A whole number is taken where a number is wanted.
Status set_field(const Field& field, FieldValue value, std::string_view said_by);

// What a section's static `fields` function receives. Members may be bool, int, int64_t, uint64_t,
// double, std::string or std::vector<std::string>.
template <class Section>
class FieldVisitor {
 public:
  FieldVisitor(std::string section, Section& object, std::vector<Field>& out)
      : section_(std::move(section)), object_(object), out_(out) {}

  template <class T>
  void operator()(std::string key, T Section::* member, FieldRange range, std::string sentence);

 private:
  std::string section_;
  Section& object_;
  std::vector<Field>& out_;
};

// All fields of a program, bound to the objects that were added. The objects must outlive it. Not
// thread-safe.
class ConfigSchema {
 public:
  template <class Section>
  void add(std::string name, Section& object) {
    FieldVisitor<Section> visitor(std::move(name), object, fields_);
    Section::fields(visitor);
  }
  // A table whose keys are the user's, not ours: [events.types.<name>] and the like. `set` gets the
  // table's name below the prefix and its keys; it returns what is wrong with them.
  using TableReader = std::function<Status(const std::string& name,
                                           const std::map<std::string, FieldValue>& values)>;
  void add_table(std::string prefix, std::string sentence, std::string example_toml,
                 TableReader reader);

  // Applies, in this order, a TOML file's text, the environment and flags. Errors are
  // kInvalidArgument and name file, line and key, with the nearest known key as a suggestion. A
  // variable PALATE_<section>_… of a section that exists must be one of its keys. A list's flag
  // given again adds to the list.
  Status apply_toml(std::string_view text, std::string_view file_name);
  Status apply_environment();
  Status apply_flag(std::string_view name, std::string_view value);

  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }
  [[nodiscard]] std::string to_toml() const;      // the commented file that `palate init` writes
  [[nodiscard]] std::string to_markdown() const;  // docs/reference/config.md

 private:
  struct Table {
    std::string prefix, sentence, example;
    TableReader reader;
  };
  std::vector<Field> fields_;
  std::vector<Table> tables_;
  std::set<std::string, std::less<>> flagged_;  // the names that flags have set
};

template <class Section>
template <class T>
void FieldVisitor<Section>::operator()(std::string key, T Section::* member, FieldRange range,
                                       std::string sentence) {
  Section* object = &object_;
  using Stored = std::conditional_t<std::is_same_v<T, bool>, bool,
                                    std::conditional_t<std::is_integral_v<T>, int64_t, T>>;
  out_.push_back(
      Field{section_, std::move(key), std::move(sentence), std::move(range),
            FieldValue(static_cast<Stored>(object->*member)),
            [object, member] { return FieldValue(static_cast<Stored>(object->*member)); },
            [object, member](const FieldValue& value) {
              object->*member = static_cast<T>(std::get<Stored>(value));
            }});
}

}  // namespace palate
