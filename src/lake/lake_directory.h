// The lake's directory: which version is current, where a file lies now, and how the next version
// takes the place of the one before (docs/formats/lake.md). Follows Iceberg's commit: everything is
// written beside, then one small file is replaced.
//
//   CURRENT             the number of the current manifest, with its checksum
//   manifest-<n>.json   lake/manifest.h
//   raw/ clean/ items/ users/   the files of the current manifest
//   staging/            files that the next manifest will name
//   retired/            files of earlier manifests, for readers that opened those, for a while
//   tombstones/, forgotten.json   lake/tombstones.h
//   LOCK                held by whoever compacts
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "lake/manifest.h"
#include "lake/table_file.h"

namespace palate::lake {

// Readers need no lock: each operation sees one version whole. Thread-safe.
class LakeDirectory {
 public:
  explicit LakeDirectory(Path root) : root_(std::move(root)) {}
  [[nodiscard]] const Path& root() const { return root_; }

  // None before the first compaction. Errors: kCorrupt and kUnsupportedVersion with what to do.
  [[nodiscard]] Result<std::optional<Manifest>> current() const;
  // A file of a manifest, wherever it lies now. Errors: kBusy when a compaction has removed it
  // since, kCorrupt when it is gone although the current manifest names it, kIo.
  [[nodiscard]] Result<TableBytes> open(const LakeFile& file) const;
  // A path at which it lies now; soon it may lie at another. Errors: the same.
  [[nodiscard]] Result<Path> find(const LakeFile& file) const;
  // A second name `to` for the file, on the same file system: it keeps the bytes whatever becomes
  // of the lake. Errors: the same, kAlreadyExists.
  [[nodiscard]] Status link(const LakeFile& file, const Path& to) const;

  // Readers leave the user's rows out from now on, and the next compaction removes them: those
  // before the positions in `before`, or, without any, all that it reads. Durable on return; where
  // there is no lake there is nothing to do. Errors: kIo, kNoSpace, kPermission.
  [[nodiscard]] Status forget(const UserId& user, AsOf before = {}) const;

  // Where a file that the next manifest will name is written.
  [[nodiscard]] Path staged(const std::string& path) const;

 private:
  // Calls `use` with the places where a file may be, until one is not kNotFound.
  template <class Use>
  [[nodiscard]] auto look(const LakeFile& file, Use use) const -> decltype(use(Path()));
  [[nodiscard]] Error missing(const LakeFile& file) const;
  Path root_;
};

// The one writer: holds the lock. Not thread-safe.
class LakeWriter {
 public:
  // Makes the directory where there is none, finishes what a killed compaction had begun, and
  // removes what belongs to no manifest. Errors: kConflict when somebody else compacts.
  static Result<LakeWriter> open(const LakeDirectory& lake);
  [[nodiscard]] const std::optional<Manifest>& current() const { return current_; }
  // Makes `next`, whose new files are staged, the current manifest, once they are synced. Files of
  // the one before that it neither names nor retires are removed at once. An error before the
  // change leaves the lake as it was; one behind it is mended by the next open().
  Status commit(Manifest next);
  // Removes what was staged and not committed, manifests, too; what cannot be removed waits for the
  // next open().
  void discard() const;

 private:
  LakeWriter(const LakeDirectory& lake, FileLock lock) : lake_(&lake), lock_(std::move(lock)) {}
  Status finish();
  Status publish() const;
  Status sweep() const;
  Status forget() const;
  Status remove_manifests_above(uint64_t number) const;
  const LakeDirectory* lake_;
  FileLock lock_;
  std::optional<Manifest> current_;
};

}  // namespace palate::lake
