#include "infer/network_spec.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>

#include <nlohmann/json.hpp>

namespace palate {
namespace {

using Json = nlohmann::json;
constexpr uint32_t kFormat = 1;

constexpr std::array<std::string_view, 2> kOwners{"request", "candidate"};
constexpr std::array<std::string_view, 4> kPoolings{"one", "sum", "mean", "sequence"};
constexpr std::array<std::string_view, 5> kActivations{"none", "relu", "sigmoid", "tanh", "silu"};
constexpr std::array<std::string_view, 3> kLinks{"identity", "sigmoid", "ordinal"};
constexpr std::array<std::string_view, 20> kOps{
    "embed",          "dense",   "concat",      "linear",   "linear_blocks",
    "activate",       "scale",   "add",         "multiply", "cross",
    "cross_low_rank", "fm",      "fm_weighted", "pairs",    "layer_norm",
    "bilinear",       "softmax", "mix",         "attend",   "gru"};

std::span<const std::string_view> names_of(FieldOwner) { return kOwners; }
std::span<const std::string_view> names_of(Pooling) { return kPoolings; }
std::span<const std::string_view> names_of(Activation) { return kActivations; }
std::span<const std::string_view> names_of(Link) { return kLinks; }
std::span<const std::string_view> names_of(OpKind) { return kOps; }

// One visitor names every field once, for writing and for reading: `need` of what must be there,
// `may` of what is left out where it has its default.
template <class S, class Fields>
void visit_sparse(S& field, Fields& fields) {
  fields.need("name", field.name);
  fields.need("owner", field.owner);
  fields.may("pooling", field.pooling, Pooling::kOne);
  fields.need("rows", field.rows);
  fields.need("width", field.width);
}
template <class S, class Fields>
void visit_dense(S& field, Fields& fields) {
  fields.need("name", field.name);
  fields.need("owner", field.owner);
  fields.need("width", field.width);
}
template <class S, class Fields>
void visit_op(S& op, Fields& fields) {
  fields.need("op", op.kind);
  fields.need("name", op.name);
  fields.need("width", op.width);
  fields.may("inputs", op.inputs, std::vector<uint32_t>{});
  fields.may("field", op.field, 0U);
  fields.may("length", op.length, 0U);
  fields.may("parts", op.parts, 1U);
  fields.may("rank", op.rank, 0U);
  fields.may("scale", op.scale, 1.0F);
  fields.may("activation", op.activation, Activation::kNone);
}
template <class S, class Fields>
void visit_output(S& output, Fields& fields) {
  fields.need("name", output.name);
  fields.need("value", output.value);
  fields.may("link", output.link, Link::kIdentity);
  fields.may("slope", output.slope, 1.0F);
  fields.may("shift", output.shift, 0.0F);
  fields.may("thresholds", output.thresholds, std::vector<float>{});
  fields.may("at", output.at, std::vector<float>{});
  fields.may("gives", output.gives, std::vector<float>{});
}

struct Writing {
  Json out = Json::object();

  template <class T>
  void need(const char* key, const T& value) {
    if constexpr (std::is_enum_v<T>) {
      out[key] = names_of(value)[static_cast<size_t>(value)];
    } else {
      out[key] = value;
    }
  }
  template <class T>
  void may(const char* key, const T& value, const T& usual) {
    if (value != usual) need(key, value);
  }
};

struct Reading {
  const Json& in;
  std::string wrong = {};
  size_t found = 0;

  template <class T>
  void need(const char* key, T& value) {
    if (!in.contains(key) || !read(in[key], value)) wrong = key;
    ++found;
  }
  template <class T>
  void may(const char* key, T& value, const T&) {
    if (in.contains(key)) need(key, value);
  }

  template <class T>
  static bool read(const Json& json, T& value) {
    if constexpr (std::is_enum_v<T>) {
      const auto names = names_of(value);
      for (size_t i = 0; i < names.size(); ++i) {
        if (!json.is_string() || json.get_ref<const std::string&>() != names[i]) continue;
        value = static_cast<T>(i);
        return true;
      }
      return false;
    } else if constexpr (std::is_same_v<T, uint32_t>) {
      if (!json.is_number_unsigned()) return false;
      const auto number = json.get<uint64_t>();
      value = static_cast<uint32_t>(number);
      return number <= std::numeric_limits<uint32_t>::max();
    } else if constexpr (std::is_same_v<T, float>) {
      if (json.is_number()) value = json.get<float>();
      return json.is_number();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (json.is_string()) value = json.get<std::string>();
      return json.is_string();
    } else {
      if (!json.is_array() || json.size() > kNetworkInputsMax) return false;
      value.resize(json.size());
      for (size_t i = 0; i < json.size(); ++i) {
        if (!read(json[i], value[i])) return false;
      }
      return true;
    }
  }
};

// Null where the text is no JSON, or nested deeper than any network.
Json parse(std::string_view text) {
  constexpr int kDepthMax = 8;
  bool too_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kDepthMax;
    return !too_deep;
  };
  Json json = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  return too_deep ? Json() : json;
}

struct List {
  const char* key;
  size_t max;
};

// in[list.key] as structs, each read by `visit`.
template <class T, class Visit>
Status read_list(const Json& in, const List& list, std::vector<T>& out, const Visit& visit) {
  const auto found = in.find(list.key);
  if (found == in.end() || !found->is_array() || found->size() > list.max) {
    return fail(Code::kCorrupt, "network: '{}' is no list of at most {}", list.key, list.max);
  }
  out.resize(found->size());
  for (size_t i = 0; i < out.size(); ++i) {
    const Json& entry = (*found)[i];
    if (!entry.is_object()) {
      return fail(Code::kCorrupt, "network: {}[{}] is no object", list.key, i);
    }
    Reading fields{entry};
    visit(out[i], fields);
    if (fields.wrong.empty() && fields.found != entry.size()) {
      return fail(Code::kCorrupt, "network: {}[{}] has a key that is not known", list.key, i);
    }
    if (fields.wrong.empty()) continue;
    return fail(Code::kCorrupt, "network: {}[{}].{} is missing or no value that it may have",
                list.key, i, fields.wrong);
  }
  return {};
}

template <class T, class Visit>
Json write_list(const std::vector<T>& list, const Visit& visit) {
  Json out = Json::array();
  for (const T& entry : list) {
    Writing fields;
    visit(entry, fields);
    out.push_back(std::move(fields.out));
  }
  return out;
}

constexpr auto kSparse = [](auto& entry, auto& fields) { visit_sparse(entry, fields); };
constexpr auto kDenseFields = [](auto& entry, auto& fields) { visit_dense(entry, fields); };
constexpr auto kOpFields = [](auto& entry, auto& fields) { visit_op(entry, fields); };
constexpr auto kOutputs = [](auto& entry, auto& fields) { visit_output(entry, fields); };

}  // namespace

std::string_view op_name(OpKind kind) { return kOps[static_cast<size_t>(kind)]; }

namespace {

float linked(const Output& output, float x) {
  if (output.link == Link::kIdentity) return x;
  if (output.link == Link::kSigmoid) return 1.0F / (1.0F + std::exp(-x));
  float level = 1;
  for (const float threshold : output.thresholds) level += 1.0F / (1.0F + std::exp(-x - threshold));
  return level;
}

}  // namespace

float promised(const Output& output, float value) {
  const float x = linked(output, output.slope * value + output.shift);
  if (output.at.empty() || !(x == x)) return x;
  const auto above = std::ranges::upper_bound(output.at, x);
  if (above == output.at.begin()) return output.gives.front();
  if (above == output.at.end()) return output.gives.back();
  const auto i = static_cast<size_t>(above - output.at.begin());
  const float share = (x - output.at[i - 1]) / (output.at[i] - output.at[i - 1]);
  return output.gives[i - 1] + share * (output.gives[i] - output.gives[i - 1]);
}

bool reads_sequence(OpKind kind) { return kind == OpKind::kAttend || kind == OpKind::kGru; }
bool reads_sparse(OpKind kind) { return kind == OpKind::kEmbed || reads_sequence(kind); }

std::string NetworkSpec::to_json() const {
  Json out{{"format", kFormat},
           {"sparse", write_list(sparse, kSparse)},
           {"dense", write_list(dense, kDenseFields)},
           {"ops", write_list(ops, kOpFields)},
           {"outputs", write_list(outputs, kOutputs)}};
  // A name that is no UTF-8 is written with replacements, and will be another name.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<NetworkSpec> NetworkSpec::from_json(std::string_view text) {
  const Json json = parse(text);
  if (!json.is_object()) {
    return fail(Code::kCorrupt, "network: it is not a JSON object, or nested too deeply");
  }
  const auto format = json.find("format");
  if (format == json.end() || !format->is_number_unsigned()) {
    return fail(Code::kCorrupt, "network: 'format' is missing or no number");
  }
  if (*format != kFormat) {
    return fail(Code::kUnsupportedVersion,
                "network: written in format {}, this version of palate reads {}; use another "
                "palate or train the model again",
                format->get<uint64_t>(), kFormat);
  }
  if (json.size() != 5) return fail(Code::kCorrupt, "network: a key that is not known");
  NetworkSpec spec;
  TRY(read_list(json, {"sparse", kNetworkFieldsMax}, spec.sparse, kSparse));
  TRY(read_list(json, {"dense", kNetworkFieldsMax}, spec.dense, kDenseFields));
  TRY(read_list(json, {"ops", kNetworkOpsMax}, spec.ops, kOpFields));
  TRY(read_list(json, {"outputs", kNetworkOutputsMax}, spec.outputs, kOutputs));
  TRY(spec.check());
  return spec;
}

}  // namespace palate
