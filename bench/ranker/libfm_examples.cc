// libFM's text files as examples (dataset/examples.h), for accuracy tables over published splits:
//   libfm_examples OUT FIELD,FIELD,… train.libfm[.gz] [other.libfm[.gz] …]
// A line is a label (above 0: it happened) and one `index:1` per field, in the order of the fields.
// The first file is the training part: a field's ids are its indices there, in ascending order from
// 1; what only other files have is 0, unknown. Each file becomes OUT/<its first two words>:
// OUT/frappe.test.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include <zlib.h>

#include "dataset/examples.h"

namespace palate {
namespace {

struct Table {
  std::vector<float> label;
  std::vector<std::vector<uint32_t>> field;  // indices as the file has them
};

Result<std::string> text_of(const std::string& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return fail(Code::kNotFound, "{} cannot be opened", path);
  std::string text(size_t{1} << 16, '\0'), all;
  for (int got = 0; (got = gzread(file, text.data(), static_cast<unsigned>(text.size()))) > 0;) {
    all.append(text, 0, static_cast<size_t>(got));
  }
  gzclose(file);
  return all;
}

Result<Table> read(const std::string& path, size_t fields) {
  std::istringstream lines(TRY(text_of(path)));
  Table table;
  table.field.resize(fields);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    table.label.push_back(std::stof(word) > 0 ? 1.0F : 0.0F);
    for (auto& field : table.field) {
      uint32_t index = 0;
      if (!(words >> word) ||
          std::from_chars(word.data(), word.data() + word.size(), index).ec != std::errc()) {
        return fail(Code::kInvalidArgument, "{}: line {} has fewer than {} fields", path,
                    table.label.size(), fields);
      }
      field.push_back(index);
    }
  }
  return table;
}

Status convert(const Path& out, const std::vector<std::string>& names,
               const std::vector<std::string>& files) {
  std::vector<std::map<uint32_t, uint32_t>> ids(names.size());
  for (const std::string& file : files) {
    const Table table = TRY(read(file, names.size()));
    ExampleSchema schema{.ids = {}, .numbers = {}, .labels = {"click"}};
    ExampleColumns columns{.ids = {}, .numbers = {}, .labels = {table.label}, .weights = {}};
    for (size_t f = 0; f < names.size(); ++f) {
      if (file == files.front()) {
        const std::set<uint32_t> seen(table.field[f].begin(), table.field[f].end());
        for (const uint32_t index : seen)
          ids[f].emplace(index, static_cast<uint32_t>(ids[f].size() + 1));
      }
      ExampleColumns::Ids column;
      for (const uint32_t index : table.field[f]) {
        const auto known = ids[f].find(index);
        column.values.push_back(known == ids[f].end() ? 0 : known->second);
      }
      schema.ids.push_back(
          {.name = names[f], .vocabulary = static_cast<uint32_t>(ids[f].size() + 1)});
      columns.ids.push_back(std::move(column));
    }
    const std::string name = Path(file).filename().string();
    const Examples examples = TRY(Examples::from_columns(std::move(schema), std::move(columns)));
    TRY(examples.save(out / name.substr(0, name.find('.', name.find('.') + 1))));
    std::printf("%s: %zu examples\n", name.c_str(), examples.rows());
  }
  return {};
}

}  // namespace
}  // namespace palate

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr,
                 "usage: libfm_examples OUT FIELD,FIELD,… train.libfm[.gz] [other.libfm[.gz] …]\n");
    return 2;
  }
  std::vector<std::string> names;
  std::istringstream fields(argv[2]);
  for (std::string name; std::getline(fields, name, ',');) names.push_back(name);
  const auto done = palate::convert(argv[1], names, {argv + 3, argv + argc});
  if (!done) std::fprintf(stderr, "libfm_examples: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
