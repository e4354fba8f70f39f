#include "artefact/artefact.h"

#include <algorithm>
#include <array>

#include "artefact/manifest.h"
#include "artefact/safetensors.h"
#include "base/check.h"
#include "base/hash.h"

namespace palate {
namespace {

std::string checksum(std::span<const std::byte> bytes) {
  return to_hex(hash128({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

}  // namespace

struct ArtefactWriter::State {
  Path final_path;
  PendingDirectory directory;
  std::vector<TensorSpec> specs;
  std::vector<std::span<const std::byte>> data;  // beside specs
  std::map<std::string, std::string> checksums;
  std::vector<std::shared_ptr<const void>> owners;  // of data

  Status write_tensors();
  Status write_manifest(Manifest manifest);
};

Status ArtefactWriter::State::write_tensors() {
  static constexpr std::array<std::byte, kTensorAlignment> kZeros{};
  const auto layout = layout_safetensors(specs);
  const Path path = directory.path() / kTensorsFile;
  auto file = TRY(FileWriter::create(path));
  TRY(file.write(layout.head));
  for (size_t i = 0; i < specs.size(); ++i) {
    TRY(file.write(data[i]));
    TRY(file.write(std::span(kZeros).first(layout.pad_bytes[i])));
  }
  TRY(file.close());
  // Read back: what is checksummed is what a reader will map.
  const auto written = TRY(MappedFile::open(path));
  checksums[std::string(kTensorsFile)] = checksum(written.bytes());
  return {};
}

Status ArtefactWriter::State::write_manifest(Manifest manifest) {
  manifest.format = kArtefactFormat;
  manifest.checksums = checksums;
  auto file = TRY(FileWriter::create(directory.path() / kManifestFile));
  TRY(file.write(TRY(to_json(manifest))));
  return file.close();
}

Result<ArtefactWriter> ArtefactWriter::create(const Path& final_path) {
  std::error_code error;
  if (std::filesystem::exists(final_path, error)) {
    return fail(Code::kAlreadyExists, "{}: an artefact is never written twice",
                final_path.string());
  }
  auto directory = TRY(PendingDirectory::create(final_path));
  return ArtefactWriter(
      std::unique_ptr<State>(new State{final_path, std::move(directory), {}, {}, {}, {}}));
}

ArtefactWriter::ArtefactWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArtefactWriter::ArtefactWriter(ArtefactWriter&&) noexcept = default;
ArtefactWriter::~ArtefactWriter() = default;

void ArtefactWriter::add(std::string name, DType type, std::vector<uint64_t> shape,
                         std::span<const std::byte> data) {
  PALATE_CHECK(!name.empty() && name.front() != '_', "a tensor's name is empty or reserved");
  PALATE_CHECK(shape.size() <= kTensorRankMax, "a tensor has too many dimensions");
  PALATE_CHECK(tensor_bytes(type, shape) == data.size(), "shape and bytes of a tensor differ");
  for (const auto& spec : state_->specs) {
    PALATE_CHECK(spec.name != name, "a tensor's name is taken");
  }
  state_->specs.push_back({std::move(name), type, std::move(shape)});
  state_->data.push_back(data);
}

void ArtefactWriter::keep(std::shared_ptr<const void> owner) {
  state_->owners.push_back(std::move(owner));
}

Status ArtefactWriter::add_file(std::string_view name, std::string_view text) {
  if (!is_artefact_file_name(name) || name == kTensorsFile) {
    return fail(Code::kInvalidArgument, "'{}' cannot be the name of a file of an artefact", name);
  }
  const auto [entry, added] = state_->checksums.emplace(name, to_hex(hash128(text)));
  if (!added) return fail(Code::kAlreadyExists, "the artefact has a file '{}' already", name);
  auto file = TRY(FileWriter::create(state_->directory.path() / name));
  TRY(file.write(text));
  return file.close();
}

Path ArtefactWriter::path_of(std::string_view name) const {
  return state_->directory.path() / name;
}

Status ArtefactWriter::add_written(std::string_view name) {
  PALATE_CHECK(is_artefact_file_name(name) && name != kTensorsFile, "no name of a file");
  const auto written = TRY(MappedFile::open(path_of(name)));
  state_->checksums[std::string(name)] = checksum(written.bytes());
  return {};
}

Status ArtefactWriter::commit() {
  TRY(state_->write_tensors());
  TRY(state_->write_manifest(manifest));
  return state_->directory.commit();
}

struct Artefact::State {
  Path path;
  Manifest manifest;
  uint64_t bytes = 0;
  std::optional<MappedFile> file;
  std::vector<NamedTensor> tensors;  // ascending by name

  Status check_files();
  Status map_tensors(bool verify);
};

// Every file that the manifest names, apart from the tensors, has the bytes it had.
Status Artefact::State::check_files() {
  for (const auto& [name, expected] : manifest.checksums) {
    if (name == kTensorsFile) continue;
    const auto mapped = MappedFile::open(path / name);
    if (!mapped && mapped.error().code == Code::kNotFound) {
      return fail(Code::kCorrupt, "{}: the file is missing", name);
    }
    if (!mapped) return std::unexpected(mapped.error());
    if (checksum(mapped->bytes()) != expected) {
      return fail(Code::kCorrupt, "{}: its bytes do not match the manifest's checksum", name);
    }
    bytes += mapped->bytes().size();
  }
  return {};
}

Status Artefact::State::map_tensors(bool verify) {
  const auto expected = manifest.checksums.find(std::string(kTensorsFile));
  if (expected == manifest.checksums.end()) {
    return fail(Code::kCorrupt, "{}: checksums do not name {}", kManifestFile, kTensorsFile);
  }
  auto mapped = MappedFile::open(path / kTensorsFile);
  if (!mapped && mapped.error().code == Code::kNotFound) {
    return fail(Code::kCorrupt, "{}: the file is missing", kTensorsFile);
  }
  if (!mapped) return std::unexpected(mapped.error());
  if (verify && checksum(mapped->bytes()) != expected->second) {
    return fail(Code::kCorrupt, "{}: its bytes do not match the manifest's checksum", kTensorsFile);
  }
  auto parsed = parse_safetensors(mapped->bytes());
  if (!parsed) return std::unexpected(parsed.error().within(kTensorsFile));
  tensors = std::move(*parsed);
  bytes += mapped->bytes().size();
  file = std::move(*mapped);
  return {};
}

Result<std::shared_ptr<const Artefact>> Artefact::open(const Path& path, bool verify) {
  const auto within = [&](const Error& error) {
    return std::unexpected(error.within(path.string()));
  };
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return fail(Code::kNotFound, "{}: there is no artefact", path.string());
  }
  const auto text = read_file(path / kManifestFile, kManifestBytesMax);
  if (!text && text.error().code == Code::kNotFound) {
    return fail(Code::kCorrupt, "{}: {} is missing, so this is no artefact", path.string(),
                kManifestFile);
  }
  if (!text) return std::unexpected(text.error());
  auto manifest = manifest_from_json(*text);
  if (!manifest) return within(manifest.error());
  auto state = std::make_unique<State>();
  state->path = path;
  state->manifest = std::move(*manifest);
  state->bytes = text->size();
  if (verify) {
    if (auto checked = state->check_files(); !checked) return within(checked.error());
  }
  if (auto mapped = state->map_tensors(verify); !mapped) return within(mapped.error());
  return std::shared_ptr<const Artefact>(new Artefact(std::move(state)));
}

Artefact::Artefact(std::unique_ptr<State> state) : state_(std::move(state)) {}
Artefact::~Artefact() = default;

const Manifest& Artefact::manifest() const { return state_->manifest; }
const Path& Artefact::path() const { return state_->path; }
std::span<const NamedTensor> Artefact::tensors() const { return state_->tensors; }
uint64_t Artefact::bytes_on_disk() const { return state_->bytes; }

Result<TensorView> Artefact::tensor(std::string_view name, DType type, size_t rank) const {
  const auto& all = state_->tensors;
  const auto found = std::lower_bound(
      all.begin(), all.end(), name,
      [](const NamedTensor& tensor, std::string_view wanted) { return tensor.name < wanted; });
  if (found == all.end() || found->name != name) {
    return fail(Code::kCorrupt, "{}: {} has no tensor '{}'", state_->path.string(), kTensorsFile,
                name);
  }
  if (found->view.type != type || found->view.shape.size() != rank) {
    return fail(Code::kCorrupt, "{}: tensor '{}' is {} of rank {}, expected {} of rank {}",
                state_->path.string(), name, dtype_name(found->view.type), found->view.shape.size(),
                dtype_name(type), rank);
  }
  return found->view;
}

}  // namespace palate
