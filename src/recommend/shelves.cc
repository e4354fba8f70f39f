#include "recommend/shelves.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/near_names.h"
#include "recommend/stage_text.h"

namespace palate {
namespace {

Result<size_t> number(const std::string& key, const std::string& text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && value >= 1 && value <= kShelfItemsMax) return value;
  return fail(Code::kInvalidArgument, "{} is '{}'; it must be 1 to {}", key, text, kShelfItemsMax);
}

Result<ShelfSpec> spec_of(const std::string& text) {
  const StageText parsed = TRY(parse_stage(text));
  ShelfSpec spec{.pipeline = parsed.kind, .titles = {}};
  for (const auto& [key, value] : parsed.parameters) {
    if (key == "n") {
      spec.n = TRY(number(key, value));
    } else if (key == "least") {
      spec.least = TRY(number(key, value));
    } else if (key == "title") {
      spec.titles[""] = value;
    } else if (key.starts_with("title_")) {
      spec.titles[key.substr(6)] = value;
    } else {
      return fail(Code::kInvalidArgument,
                  "a shelf has no '{}'; it has title, title_<language>, n and least", key);
    }
  }
  if (!spec.titles.contains("")) return fail(Code::kInvalidArgument, "a shelf needs a title");
  return spec;
}

// What a pipeline's stages did not propose is on any other shelf, too.
void keep_own(Slate& slate) {
  slate.cursor.clear();  // its excluded items are the other shelves'
  if (slate.level == "plain") return slate.items.clear();
  const auto proposed = [](const RecommendedItem& item) { return !item.proposed_by.empty(); };
  if (!std::ranges::any_of(slate.items, proposed)) return;  // a pipeline without stages
  std::erase_if(slate.items, std::not_fn(proposed));
}

constexpr std::string_view kLast = "{last}";

// In the request's language; {last} is the title of the item that the shelf began with.
std::string title_of(const ShelfSpec& spec, const RecommendRequest& request, const Slate& slate) {
  const auto own = spec.titles.find(request.language);
  std::string title = own == spec.titles.end() ? spec.titles.at("") : own->second;
  const size_t at = title.find(kLast);
  if (at != std::string::npos) title.replace(at, kLast.size(), slate.last_liked);
  return title;
}

}  // namespace

ShelfPages::ShelfPages() {
  const auto declared =
      declare("home", {{"rows", std::vector<std::string>{
                                    "feed title='For you' n=20",
                                    "like-the-last title='Because you liked {last}' n=20",
                                    "new title='New here' n=20 least=1",
                                    "popular title='What many like' n=20",
                                }}});
  PALATE_CHECK(declared.has_value(), "the page that comes with Palate is right");
}

void ShelfPages::add_to(ConfigSchema& schema) {
  schema.add_table(
      "shelves",
      "A page of shelves (GET /v1/shelves): `rows`, a text each, with the pipeline that fills it, "
      "its "
      "`title` (and `title_de`, …; {last} is the title of what the user liked last), how many "
      "items "
      "(`n`), and with how few (`least`) it is left out.",
      "[shelves.home]\nrows = [\"feed title='For you'\", \"new title=New title_de=Neu n=10\"]\n",
      [this](const std::string& name, const std::map<std::string, FieldValue>& values) {
        return declare(name, values);
      });
}

Status ShelfPages::declare(const std::string& name,
                           const std::map<std::string, FieldValue>& values) {
  std::vector<ShelfSpec> specs;
  for (const auto& [key, value] : values) {
    const auto* rows = std::get_if<std::vector<std::string>>(&value);
    if (key != "rows" || rows == nullptr || rows->empty() || rows->size() > kShelvesMax) {
      return fail(Code::kInvalidArgument, "a page has `rows`, a list of 1 to {} texts; not '{}'",
                  kShelvesMax, key);
    }
    for (const std::string& row : *rows) {
      auto spec = spec_of(row);
      if (!spec) {
        return std::unexpected(
            spec.error().within(fmt::format("row {} ('{}')", specs.size() + 1, row.substr(0, 80))));
      }
      specs.push_back(std::move(*spec));
    }
  }
  pages_.insert_or_assign(name, std::move(specs));
  return {};
}

Status ShelfPages::check(const Pipelines& pipelines) const {
  for (const auto& [name, specs] : pages_) {
    for (const ShelfSpec& spec : specs) {
      if (const auto found = pipelines.find(spec.pipeline); !found) {
        return std::unexpected(found.error().within(fmt::format("shelves.{}", name)));
      }
    }
  }
  return {};
}

Result<std::vector<ShelfSpec>> ShelfPages::find(std::string_view name) const {
  if (const auto found = pages_.find(name); found != pages_.end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [one, specs] : pages_) known.push_back(one);
  return fail(Code::kNotFound, "there is no page '{}'{}", name.substr(0, 64),
              did_you_mean(name.substr(0, 64), known));
}

Result<std::vector<Shelf>> make_shelves(const Recommender& recommender, RecommendRequest request,
                                        const std::vector<ShelfSpec>& specs) {
  std::vector<Shelf> shelves;
  RecommendRequest& next = request;
  next.cursor.clear();
  next.name_last = true;
  for (const ShelfSpec& spec : specs) {
    next.pipeline = spec.pipeline;
    next.n = spec.n;
    Slate slate = TRY(recommender.recommend(next));
    keep_own(slate);
    if (slate.items.size() < spec.least) continue;
    for (const RecommendedItem& item : slate.items) next.exclude.push_back(item.item);
    std::string title = title_of(spec, request, slate);
    shelves.push_back({std::move(title), std::move(slate)});
  }
  return shelves;
}

}  // namespace palate
