// Taking the rows of users who asked to be forgotten out of the quarantine.
#pragma once

#include <functional>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace palate {

// Whether a text is the id of somebody who is to be forgotten.
using IsForgotten = std::function<bool(std::string_view text)>;

// Whether a refused row is about such a user. Of a JSON object the field `user_key` decides, where
// it is known and there; of anything else every field does, so that what cannot be read for sure
// goes rather than stays.
bool row_names(std::string_view row, std::string_view user_key, const IsForgotten& is_forgotten);

// Rewrites a file of the quarantine without the rows that name such users, and gives their number;
// a file of which no row is left goes. Half a line, which a full disk or a crash has left, is
// judged by its bytes. The file is nobody's who writes. Errors: kIo, kNoSpace.
Result<uint64_t> erase_quarantined(const Path& path, const IsForgotten& is_forgotten);

}  // namespace palate
