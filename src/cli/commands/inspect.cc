#include "operate/inspect.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/print.h"
#include "evaluate/training_curves.h"

namespace palate {
namespace {

nlohmann::ordered_json dictionary_json(const Inspection::DictionaryFacts& dictionary) {
  const DictionaryBytes& bytes = dictionary.bytes;
  return {{"keys", dictionary.keys},
          {"fingerprint_bits", dictionary.fingerprint_bits},
          {"bytes",
           {{"hash", bytes.hash},
            {"order", bytes.order},
            {"verification", bytes.verification},
            {"way_back", bytes.way_back},
            {"rest", bytes.rest}}},
          {"first_keys", dictionary.first_keys}};
}

nlohmann::ordered_json inspection_json(const Inspection& found) {
  nlohmann::ordered_json json = {{"path", found.path},
                                 {"kind", found.kind},
                                 {"bytes_on_disk", found.bytes_on_disk},
                                 {"verified", found.verified}};
  if (found.manifest) {
    json["manifest"] = {{"kind", found.manifest->kind},
                        {"version", found.manifest->version},
                        {"created", found.manifest->created},
                        {"items", found.manifest->items}};
  }
  if (found.kind == "dataset") {
    json["users"] = found.users;
    json["interactions"] = found.interactions;
  }
  if (found.dictionary) json["dictionary"] = dictionary_json(*found.dictionary);
  json["tensors"] = nlohmann::ordered_json::array();
  for (const auto& tensor : found.tensors) {
    json["tensors"].push_back({{"name", tensor.name},
                               {"type", tensor.type},
                               {"shape", tensor.shape},
                               {"bytes", tensor.bytes},
                               {"not_finite", tensor.not_finite}});
  }
  return json;
}

void print_dictionary(const Inspection::DictionaryFacts& dictionary) {
  const DictionaryBytes& bytes = dictionary.bytes;
  const double keys = static_cast<double>(std::max<uint64_t>(dictionary.keys, 1));
  const auto per_key = [&](uint64_t of) { return static_cast<double>(of) / keys; };
  print_line(fmt::format("  keys          {}", human_count(dictionary.keys)));
  print_line(dictionary.fingerprint_bits == 0
                 ? "  verified by   the whole 128-bit hash"
                 : fmt::format("  verified by   {} bits: one string in {} that is no key passes",
                               dictionary.fingerprint_bits,
                               human_count(uint64_t{1} << dictionary.fingerprint_bits)));
  print_line(fmt::format(
      "  bytes a key   {:.2f}: hash {:.2f}, order {:.2f}, verification {:.2f}, way back {:.2f}",
      per_key(bytes.total()), per_key(bytes.hash), per_key(bytes.order),
      per_key(bytes.verification), per_key(bytes.way_back)));
  print_line(fmt::format("  first         {}", fmt::join(dictionary.first_keys, ", ")));
}

void print_inspection(const Inspection& found) {
  print_line(fmt::format("{}: {}, {}", found.path, found.kind, human_bytes(found.bytes_on_disk)));
  if (found.manifest) {
    print_line(fmt::format("  kind          {} {}", found.manifest->kind, found.manifest->version));
    print_line(fmt::format("  items         {}", human_count(found.manifest->items)));
  }
  if (found.kind == "dataset") {
    print_line(fmt::format("  users         {}", human_count(found.users)));
    print_line(fmt::format("  interactions  {}", human_count(found.interactions)));
  }
  if (found.dictionary) print_dictionary(*found.dictionary);
  if (!found.tensors.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& tensor : found.tensors) {
      rows.push_back({tensor.name, std::string(tensor.type),
                      fmt::format("{}", fmt::join(tensor.shape, " × ")), human_bytes(tensor.bytes),
                      human_count(tensor.not_finite)});
    }
    print_table({"tensor", "type", "shape", "size", "not finite"}, rows);
  }
  print_line(fmt::format("whole: {} checked", found.verified));
}

// A page, or an SVG file where the name says so.
Status draw_curves(const Inspection& found, const std::string& path) {
  if (!found.manifest) {
    return fail(Code::kInvalidArgument, "{} is no model, so there is no training to draw",
                found.path);
  }
  const std::string model = found.manifest->kind + " " + found.manifest->version;
  const std::string& metrics = found.manifest->metrics_json;
  const std::string text = path.ends_with(".svg") ? TRY(draw_training_svg(model, metrics))
                                                  : TRY(draw_training(model, metrics));
  return write_file_atomically(path, text);
}

Status inspect_path(const Context& context, const std::string& path, const std::string& curves) {
  const Inspection found = TRY(inspect(path));
  if (!curves.empty()) TRY(draw_curves(found, curves));
  if (context.json) {
    print_json(inspection_json(found));
  } else {
    print_inspection(found);
  }
  return {};
}

}  // namespace

Command inspect_command() {
  return {"inspect", "Show and verify a dictionary, a file of vectors, an artefact or a dataset",
          "Examples:\n  palate inspect palate-data/default/models/als/000001\n"
          "  palate inspect palate-data/default/models/als/000001/items.dictionary --json\n"
          "  palate inspect palate-data/default/models/als/000001 --curves training.html",
          [](CommandFlags& command) {
            auto path = std::make_shared<std::string>();
            command.add("path", *path, "The file or directory").required();
            auto curves = std::make_shared<std::string>();
            command.add("--curves", *curves,
                        "Draw how the model's training went into this file: a page, or an "
                        "SVG where it ends in .svg");
            return std::function<Status(Context&)>(
                [path, curves](Context& context) { return inspect_path(context, *path, *curves); });
          }};
}

}  // namespace palate
