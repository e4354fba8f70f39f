#include "operate/inspect.h"

#include <algorithm>
#include <cmath>

#include "artefact/manifest.h"
#include "artefact/safetensors.h"
#include "dataset/dataset.h"

namespace palate {
namespace {

constexpr uint32_t kKeysShown = 10;
constexpr std::string_view kAllBytes = "all bytes";

template <class T>
uint64_t count_not_finite(std::span<const std::byte> bytes) {
  const std::span values(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
  return static_cast<uint64_t>(
      std::ranges::count_if(values, [](T value) { return !std::isfinite(value); }));
}

Inspection::Tensor tensor_facts(const NamedTensor& tensor) {
  const TensorView& view = tensor.view;
  Inspection::Tensor facts{tensor.name, dtype_name(view.type), view.shape, view.bytes.size(), 0};
  if (view.type == DType::kF32) facts.not_finite = count_not_finite<float>(view.bytes);
  if (view.type == DType::kF64) facts.not_finite = count_not_finite<double>(view.bytes);
  return facts;
}

Result<Inspection::DictionaryFacts> dictionary_facts(const Path& path) {
  const auto dictionary = TRY(Dictionary::open(path, Dictionary::Verify::kYes));
  Inspection::DictionaryFacts facts{
      dictionary->size(), dictionary->fingerprint_bits(), dictionary->bytes(), {}};
  for (uint32_t i = 0; i < std::min<uint64_t>(kKeysShown, dictionary->size()); ++i) {
    facts.first_keys.push_back(TRY(dictionary->name(i)));
  }
  return facts;
}

Result<Inspection> inspect_directory(const Path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path / kManifestFile, error)) {
    return fail(Code::kInvalidArgument,
                "{} holds no {}, so it is no artefact or dataset; for a data directory use `palate "
                "status --data {}` or `palate verify --data {}`",
                path.string(), kManifestFile, path.string(), path.string());
  }
  const auto artefact = TRY(Artefact::open(path, /*verify=*/true));
  Inspection found{.path = path.string(),
                   .kind = "artefact",
                   .bytes_on_disk = artefact->bytes_on_disk(),
                   .verified = kAllBytes,
                   .dictionary = {},
                   .tensors = {},
                   .manifest = artefact->manifest()};
  if (found.manifest->kind == "dataset") {
    const Dataset dataset = TRY(Dataset::open(path));
    found.kind = "dataset";
    found.users = dataset.users();
    found.interactions = dataset.interactions();
  }
  for (const NamedTensor& tensor : artefact->tensors()) {
    found.tensors.push_back(tensor_facts(tensor));
  }
  if (found.manifest->checksums.contains(std::string(kItemNamesFile))) {
    found.dictionary = TRY(dictionary_facts(path / kItemNamesFile));
  }
  return found;
}

Result<Inspection> inspect_vectors(const Path& path, const MappedFile& file) {
  const auto tensors = parse_safetensors(file.bytes());
  if (!tensors) return std::unexpected(tensors.error().within(path.string()));
  Inspection found{.path = path.string(),
                   .kind = "vectors",
                   .bytes_on_disk = file.bytes().size(),
                   .verified = "the layout",
                   .dictionary = {},
                   .tensors = {},
                   .manifest = {}};
  for (const NamedTensor& tensor : *tensors) found.tensors.push_back(tensor_facts(tensor));
  return found;
}

}  // namespace

Result<Inspection> inspect(const Path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return inspect_directory(path);
  const auto file = TRY(MappedFile::open(path));
  if (Dictionary::is_one(file.text().substr(0, 64))) {
    return Inspection{.path = path.string(),
                      .kind = "dictionary",
                      .bytes_on_disk = file.bytes().size(),
                      .verified = kAllBytes,
                      .dictionary = TRY(dictionary_facts(path)),
                      .tensors = {},
                      .manifest = {}};
  }
  if (path.extension() == ".safetensors") return inspect_vectors(path, file);
  return fail(
      Code::kInvalidArgument,
      "{} is no dictionary, no .safetensors file and no directory of an artefact or dataset",
      path.string());
}

}  // namespace palate
