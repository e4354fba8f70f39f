// What well-known data sets call our fields.
#include <algorithm>
#include <array>
#include <set>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "events/column_mapping.h"
#include "events/limits.h"

namespace palate {
namespace {

// Words in the order of preference, lower case and without separators.
struct KnownNames {
  std::string_view field;
  std::vector<std::string_view> words;
};

std::span<const KnownNames> known_names(RecordKind kind) {
  static const std::vector<KnownNames> kEvents = {
      {"event_id", {"eventid"}},
      {"type", {"type", "event", "eventtype", "action", "behavior", "behaviour"}},
      {"user",
       {"user", "userid", "uid", "reviewerid", "visitorid", "customerid", "customer", "clientid",
        "memberid", "accountid", "sessionid"}},
      {"item",
       {"item", "itemid", "iid", "movieid", "bookid", "asin", "parentasin", "productid", "product",
        "sku", "artistid", "trackid", "songid", "videoid", "newsid", "articleid", "gameid",
        "isbn"}},
      {"ts",
       {"ts", "timestamp", "time", "unixreviewtime", "eventtime", "datetime", "date", "createdat",
        "purchasedat", "purchasedate", "orderedat", "orderdate", "occurredat"}},
      {"value",
       {"value", "rating", "overall", "stars", "score", "hours", "weight", "cnt", "count",
        "plays"}},
      {"request_id", {"requestid"}},
      {"slot", {"slot"}},
      {"context", {"context"}},
  };
  static const std::vector<KnownNames> kItems = {
      {"id",
       {"id", "itemid", "item", "movieid", "bookid", "asin", "parentasin", "productid", "sku",
        "artistid", "trackid", "songid", "videoid", "newsid", "articleid", "gameid"}},
      {"titles", {"title", "titles", "name", "itemname", "productname", "booktitle", "movietitle"}},
      {"descriptions", {"description", "descriptions", "overview", "abstract", "shortdesc"}},
      {"categories", {"categories", "category", "genres", "genre", "categoryids"}},
      {"tags", {"tags", "tag"}},
      {"languages", {"languages", "language", "languagecode", "lang"}},
      {"regions", {"regions", "region", "countries", "country"}},
      {"creator", {"creator", "authors", "author", "artist", "brand", "developer", "director"}},
      {"released",
       {"released", "releasedate", "publicationdate", "year", "originalpublicationyear"}},
      {"expires", {"expires"}},
      {"hidden", {"hidden"}},
  };
  static const std::vector<KnownNames> kUsers = {
      {"id", {"id", "userid", "user", "uid", "reviewerid", "visitorid", "customerid"}},
      {"region", {"region", "country", "state"}},
      {"language", {"language", "lang"}},
      {"age_band", {"ageband", "age", "agegroup"}},
      {"personalization", {"personalization", "consent"}},
  };
  return kind == RecordKind::kEvents ? kEvents : kind == RecordKind::kItems ? kItems : kUsers;
}

std::string normal(std::string_view name) {
  std::string result;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c != '_' && c != '-' && c != ' ' && c != '.') result += c;
  }
  return result;
}

// Fields whose names are the user's below a prefix.
bool has_free_prefix(RecordKind kind, std::string_view field) {
  if (kind == RecordKind::kEvents) return field.starts_with("context.");
  if (field.starts_with("attributes.")) return true;
  return kind == RecordKind::kItems
             ? field.starts_with("titles.") || field.starts_with("descriptions.")
             : field.starts_with("survey.");
}

Status check_field(RecordKind kind, std::string_view field) {
  std::vector<std::string_view> fields;
  for (const auto& known : known_names(kind)) {
    if (known.field == field) return {};
    fields.push_back(known.field);
  }
  if (has_free_prefix(kind, field)) return {};
  return fail(Code::kInvalidArgument, "there is no field '{}' to map to; there are {}{}", field,
              fmt::join(fields, ", "),
              kind == RecordKind::kEvents ? " and context.<key>" : " and attributes.<key>");
}

Result<size_t> find_column(std::string_view field, std::string_view column,
                           const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == column) return i;
  }
  if (column.starts_with('#')) {
    const auto number = parse_whole(column.substr(1));
    if (number && *number >= 1 && *number <= static_cast<int64_t>(names.size())) {
      return static_cast<size_t>(*number - 1);
    }
  }
  constexpr size_t kShown = 40;
  const std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<ptrdiff_t>(std::min(names.size(), kShown)));
  return fail(Code::kInvalidArgument,
              "there is no column '{}' for the field '{}'; the file has {}{} (or #1 to #{})",
              column, field, fmt::join(shown, ", "), names.size() > kShown ? ", …" : "",
              names.size());
}

// What the header says of the fields and columns that `found` does not have yet.
void add_known(RecordKind kind, const std::vector<std::string>& names,
               std::vector<FieldColumn>& found) {
  std::set<size_t> used;
  std::set<std::string, std::less<>> named;
  for (const FieldColumn& column : found) {
    used.insert(column.column);
    named.insert(column.field);
  }
  for (const KnownNames& known : known_names(kind)) {
    if (named.contains(known.field)) continue;
    for (std::string_view word : known.words) {
      const auto at =
          std::ranges::find_if(names, [&](const auto& name) { return normal(name) == word; });
      if (at == names.end()) continue;
      const auto column = static_cast<size_t>(at - names.begin());
      if (!used.insert(column).second) continue;
      found.push_back({std::string(known.field), column});
      break;
    }
  }
  if (kind == RecordKind::kEvents) return;
  for (size_t i = 0; i < names.size() && found.size() < kListEntriesMax; ++i) {
    const bool named_by_place = names[i].starts_with('#');
    if (!used.contains(i) && !named_by_place) found.push_back({"attributes." + names[i], i});
  }
}

// A row of events needs a user and, unless its type may do without, an item; a record its id.
Status check_required(RecordKind kind, const ColumnMapping& mapping,
                      const std::vector<FieldColumn>& found,
                      const std::vector<std::string>& names) {
  const auto given = [&](std::string_view field) {
    return mapping.constants.contains(std::string(field)) ||
           std::ranges::find(found, field, &FieldColumn::field) != found.end();
  };
  std::string_view missing;
  if (kind != RecordKind::kEvents) {
    if (!given("id")) missing = "id";
  } else if (!given("user")) {
    missing = "user";
  } else if (!given("item") && !given("type")) {
    missing = "item";
  }
  if (missing.empty()) return {};
  return fail(Code::kInvalidArgument,
              "no column gives the field '{0}'; name it with --import.map {0}=<column>. The file "
              "has {1}",
              missing, fmt::join(names, ", "));
}

}  // namespace

Result<std::vector<FieldColumn>> resolve_columns(RecordKind kind, const ColumnMapping& mapping,
                                                 const std::vector<std::string>& names) {
  std::vector<FieldColumn> found;
  for (const auto& [field, column] : mapping.columns) {
    TRY(check_field(kind, field));
    found.push_back({field, TRY(find_column(field, column, names))});
  }
  add_known(kind, names, found);
  for (const auto& [field, value] : mapping.constants) {
    TRY(check_field(kind, field));
    std::erase_if(found, [&](const FieldColumn& column) { return column.field == field; });
  }
  TRY(check_required(kind, mapping, found, names));
  return found;
}

bool looks_like_header(RecordKind kind, const std::vector<std::string>& first_row) {
  return std::ranges::any_of(first_row, [&](const std::string& word) {
    return std::ranges::any_of(known_names(kind), [&](const KnownNames& known) {
      return std::ranges::count(known.words, normal(word)) > 0;
    });
  });
}

std::string default_type(const std::string& value_column) {
  const std::string name = normal(value_column);
  if (name == "rating" || name == "overall" || name == "stars" || name == "score") return "rating";
  if (name == "hours" || name == "weight" || name == "plays" || name == "cnt" || name == "count") {
    return "play";
  }
  return "click";
}

const std::map<std::string, std::string>& known_type_names() {
  static const std::map<std::string, std::string> kNames = {
      {"view", "click"},           {"pv", "click"},         {"visit", "click"},
      {"addtocart", "cart"},       {"add_to_cart", "cart"}, {"buy", "purchase"},
      {"transaction", "purchase"}, {"fav", "save"},         {"favorite", "save"},
      {"listen", "play"},          {"stream", "play"},      {"rate", "rating"},
  };
  return kNames;
}

}  // namespace palate
