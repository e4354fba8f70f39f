// Which ids of the examples have rows of their own: by how often they were shown and when last,
// before what is held out.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "dataset/examples_config.h"
#include "dataset/impressions.h"
#include "events/log.h"
#include "features/ranking_fields.h"
#include "ids/row_choices.h"

namespace palate {

// Uses of what has rows, an impression counting once.
struct ExampleIds {
  std::vector<IdUse> items;                         // by ItemIx
  std::vector<std::map<std::string, IdUse>> names;  // in the order of named_rows()
};
// Items, and by them what is said of them; no profiles.
ExampleIds count_ids(const Impressions& shown, TimeUs held_out_from, const Catalogue::View& items);
// Adds what those who were shown something say of themselves now. Errors: those of the log.
Status count_profiles(const Impressions& shown, TimeUs held_out_from, const EventLog& log,
                      ExampleIds& ids);

// As [examples] has it, at a time. Errors: kInvalidArgument for a rule that there is not.
Result<Admission> admission_of(const ExamplesConfig& config, TimeUs now);
RankingVocabulary vocabulary_of(const ExampleIds& ids, const Catalogue::View& items,
                                const Admission& admission);

// What each way would cost one field.
struct FieldChoices {
  std::string field;
  std::vector<RowChoice> ways;
};
std::vector<FieldChoices> field_choices(const ExampleIds& ids, const Catalogue::View& items,
                                        const Admission& admission);
// A line for each field and way, with the widths of [ranker].
std::string describe(const std::vector<FieldChoices>& choices, int width, int narrow_width);
// The same for programs: an object for each field and way.
nlohmann::ordered_json json_of(const std::vector<FieldChoices>& choices, int width,
                               int narrow_width);

}  // namespace palate
