// How much memory the training of als takes, from sizes alone.
#pragma once

#include <cstdint>

#include "models/train_catalog.h"

namespace palate {

uint64_t als_memory_bytes(const TrainSizes& sizes, const ModelConfigs& configs);

}  // namespace palate
