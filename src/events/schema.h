// The ids of what an event, an item and a user are (docs/formats/event.md). A new optional field
// keeps an id; anything else counts it up, and old data read on under the old one.
#pragma once

#include <array>
#include <string_view>

namespace palate {

inline constexpr std::array<std::string_view, 3> kSchemaIds = {"palate.event/1", "palate.item/1",
                                                               "palate.user/1"};

}  // namespace palate
