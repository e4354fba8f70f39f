// What a model's manifest says that its trainer has seen (docs/formats/model.md, details.seen).
#pragma once

#include "base/result.h"
#include "dataset/dataset.h"

namespace palate {

// Errors: kCorrupt when the manifest does not say, so nothing can be said about leaks.
Result<DatasetView::Seen> trained_on(const Manifest& manifest);

}  // namespace palate
