// Examples whose ids have a row each, written again with fewer rows: what [examples] does with a
// log, for files that others have made. The name of an id is its number as text.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dataset/example_vocabulary.h"
#include "dataset/examples.h"

namespace palate {

// Uses of ids of all columns but those aside: one map a column of the schema, empty for those.
using ColumnUses = std::vector<std::map<std::string, IdUse>>;
ColumnUses column_uses(const std::vector<Examples>& training);

std::vector<FieldChoices> field_choices(const ExampleSchema& schema, const ColumnUses& uses,
                                        const Admission& admission);

class ExampleRows {
 public:
  // Precondition: uses are of this schema.
  ExampleRows(const ExampleSchema& schema, const ColumnUses& uses, const Admission& admission);

  // The columns in their order, then the narrow halves. Ids that are not known stay so.
  [[nodiscard]] const ExampleSchema& schema() const { return schema_; }
  // Precondition: `examples` are of the schema that this was made with.
  [[nodiscard]] Result<Examples> again(const Examples& examples) const;

 private:
  struct Column {
    size_t from = 0;  // of the old schema
    NameRows rows;
    bool aside = false;
    size_t narrow_at = 0;  // of the new schema; 0: none
  };
  void fill(const Column& column, const Examples& examples, ExampleColumns& out) const;

  ExampleSchema schema_;
  std::vector<Column> columns_;  // of the old schema
};

}  // namespace palate
