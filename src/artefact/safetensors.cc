#include "artefact/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <set>
#include <tuple>

#include <nlohmann/json.hpp>

#include "base/check.h"

namespace palate {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are mapped as they lie");

using Json = nlohmann::json;

constexpr std::string_view kPadPrefix = "_pad.";
constexpr std::string_view kMetadata = "__metadata__";

struct TypeRow {
  DType type;
  std::string_view name;
  size_t bytes;
};
constexpr std::array<TypeRow, 12> kTypes{{
    {DType::kF32, "F32", 4},
    {DType::kF64, "F64", 8},
    {DType::kI64, "I64", 8},
    {DType::kU64, "U64", 8},
    {DType::kI32, "I32", 4},
    {DType::kU32, "U32", 4},
    {DType::kU16, "U16", 2},
    {DType::kI16, "I16", 2},
    {DType::kU8, "U8", 1},
    {DType::kI8, "I8", 1},
    {DType::kBF16, "BF16", 2},
    {DType::kBool, "BOOL", 1},
}};

// A tensor as the header describes it, before its bytes are placed.
struct Entry {
  std::string name;
  DType type = DType::kU8;
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;
};

Result<DType> parse_type(const std::string& name, const Json& fields) {
  const auto found = fields.find("dtype");
  if (found == fields.end() || !found->is_string()) {
    return fail(Code::kCorrupt, "tensor '{}' has no dtype", name);
  }
  const auto& text = found->get_ref<const std::string&>();
  for (const auto& row : kTypes) {
    if (row.name == text) return row.type;
  }
  return fail(Code::kUnsupportedVersion,
              "tensor '{}' has dtype '{}', which this version cannot read", name, text);
}

Result<std::vector<uint64_t>> parse_numbers(const std::string& name, const Json& fields,
                                            const char* key, size_t count_max) {
  const auto found = fields.find(key);
  if (found == fields.end() || !found->is_array() || found->size() > count_max) {
    return fail(Code::kCorrupt, "tensor '{}': {} is not a list of at most {} numbers", name, key,
                count_max);
  }
  std::vector<uint64_t> numbers;
  for (const auto& value : *found) {
    if (!value.is_number_unsigned()) {
      return fail(Code::kCorrupt, "tensor '{}': {} holds something that is no whole number", name,
                  key);
    }
    numbers.push_back(value.get<uint64_t>());
  }
  return numbers;
}

Result<Entry> parse_entry(const std::string& name, const Json& fields, uint64_t data_bytes) {
  if (!fields.is_object() || fields.size() != 3) {
    return fail(Code::kCorrupt, "tensor '{}' is not described by dtype, shape and data_offsets",
                name);
  }
  Entry entry;
  entry.name = name;
  entry.type = TRY(parse_type(name, fields));
  entry.shape = TRY(parse_numbers(name, fields, "shape", kTensorRankMax));
  const auto offsets = TRY(parse_numbers(name, fields, "data_offsets", 2));
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_bytes) {
    return fail(Code::kCorrupt, "tensor '{}' lies outside the file's {} data bytes", name,
                data_bytes);
  }
  entry.begin = offsets[0];
  entry.end = offsets[1];
  const auto bytes = tensor_bytes(entry.type, entry.shape);
  if (!bytes || *bytes != entry.end - entry.begin) {
    return fail(Code::kCorrupt, "tensor '{}': dtype and shape do not give its {} bytes", name,
                entry.end - entry.begin);
  }
  return entry;
}

// The header as JSON. A name that occurs twice is refused: parsers differ in which one they keep.
Result<Json> parse_header(std::string_view text) {
  std::set<std::string> names;
  std::string twice;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 &&
        !names.insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  Json header = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (!header.is_object()) return fail(Code::kCorrupt, "the header is not a JSON object");
  if (!twice.empty()) return fail(Code::kCorrupt, "tensor '{}' is described twice", twice);
  return header;
}

// Tensors must cover the data from the first to the last byte, one behind the other.
Status check_cover(std::vector<Entry>& entries, uint64_t data_bytes) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  uint64_t next = 0;
  for (const auto& entry : entries) {
    if (entry.begin != next) {
      return fail(Code::kCorrupt, "tensor '{}' starts at data byte {}, expected {}", entry.name,
                  entry.begin, next);
    }
    next = entry.end;
  }
  if (next != data_bytes) {
    return fail(Code::kCorrupt, "{} data bytes behind the last tensor belong to none",
                data_bytes - next);
  }
  return {};
}

Result<std::string_view> header_text(std::span<const std::byte> file) {
  uint64_t length = 0;
  if (file.size() < sizeof length) {
    return fail(Code::kCorrupt, "{} bytes are too short for a header", file.size());
  }
  std::memcpy(&length, file.data(), sizeof length);
  if (length > kSafetensorsHeaderBytesMax || length > file.size() - sizeof length) {
    return fail(Code::kCorrupt, "a header of {} bytes does not fit (the file has {})", length,
                file.size());
  }
  return std::string_view(reinterpret_cast<const char*>(file.data()) + sizeof length, length);
}

std::string describe(const TensorSpec& tensor, uint64_t begin, uint64_t end) {
  return fmt::format(R"({}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})",
                     Json(tensor.name).dump(), dtype_name(tensor.type), Json(tensor.shape).dump(),
                     begin, end);
}

}  // namespace

size_t dtype_bytes(DType type) { return kTypes[static_cast<size_t>(type)].bytes; }

std::string_view dtype_name(DType type) { return kTypes[static_cast<size_t>(type)].name; }

std::optional<uint64_t> tensor_bytes(DType type, std::span<const uint64_t> shape) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  uint64_t bytes = dtype_bytes(type);
  for (const uint64_t size : shape) {
    if (size != 0 && bytes > kMax / size) return std::nullopt;
    bytes *= size;
  }
  return bytes;
}

SafetensorsLayout layout_safetensors(std::span<const TensorSpec> tensors) {
  SafetensorsLayout layout;
  std::string json = "{";
  uint64_t next = 0;
  for (const auto& tensor : tensors) {
    const auto bytes = tensor_bytes(tensor.type, tensor.shape);
    PALATE_CHECK(bytes.has_value(), "a tensor's size overflows");
    const uint64_t end = next + *bytes;
    const uint64_t pad = (kTensorAlignment - end % kTensorAlignment) % kTensorAlignment;
    if (json.size() > 1) json += ',';
    json += describe(tensor, next, end);
    if (pad > 0) {
      const TensorSpec filler{
          std::string(kPadPrefix) + std::to_string(layout.pad_bytes.size()), DType::kU8, {pad}};
      json += ',' + describe(filler, end, end + pad);
    }
    layout.pad_bytes.push_back(pad);
    next = end + pad;
  }
  json += '}';
  const size_t used = sizeof(uint64_t) + json.size();
  json.append((kTensorAlignment - used % kTensorAlignment) % kTensorAlignment, ' ');
  const uint64_t length = json.size();
  PALATE_CHECK(length <= kSafetensorsHeaderBytesMax, "too many tensors for one file");
  layout.head.assign(reinterpret_cast<const char*>(&length), sizeof length);
  layout.head += json;
  return layout;
}

Result<std::vector<NamedTensor>> parse_safetensors(std::span<const std::byte> file) {
  const auto text = TRY(header_text(file));
  const auto data = file.subspan(sizeof(uint64_t) + text.size());
  const Json header = TRY(parse_header(text));
  std::vector<Entry> entries;
  for (const auto& [name, fields] : header.items()) {
    if (name != kMetadata) entries.push_back(TRY(parse_entry(name, fields, data.size())));
  }
  TRY(check_cover(entries, data.size()));
  std::vector<NamedTensor> tensors;
  for (auto& entry : entries) {
    if (entry.name.starts_with(kPadPrefix)) continue;
    const auto bytes = data.subspan(entry.begin, entry.end - entry.begin);
    if (reinterpret_cast<uintptr_t>(bytes.data()) % dtype_bytes(entry.type) != 0) {
      return fail(Code::kCorrupt, "tensor '{}' is not aligned to its dtype", entry.name);
    }
    tensors.push_back({std::move(entry.name), {entry.type, std::move(entry.shape), bytes}});
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const NamedTensor& a, const NamedTensor& b) { return a.name < b.name; });
  return tensors;
}

}  // namespace palate
