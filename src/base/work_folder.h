// A folder that somebody works in, and that goes with the object, with everything in it.
#pragma once

#include <memory>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace palate {

class WorkFolder {
 public:
  // A new one among the system's temporary files, which nobody else may read.
  static Result<std::unique_ptr<WorkFolder>> temporary(std::string_view name);
  // At this place, empty; what a killed process left there is removed.
  static Result<std::unique_ptr<WorkFolder>> at(Path path);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  [[nodiscard]] const Path& path() const { return path_; }

 private:
  explicit WorkFolder(Path path) : path_(std::move(path)) {}
  Path path_;
};

}  // namespace palate
