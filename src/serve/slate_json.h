// A slate as the answer of /v1/recommendations and /v1/similar.
#pragma once

#include <string>

#include "recommend/recommender.h"

namespace palate {

class JsonText;

std::string to_json(const Slate& slate);
// With their keys.
void write_places(JsonText& json, std::span<const RecommendedItem::Place> places);
void write_trace(JsonText& json, std::span<const StageTrace> trace);
void write_reason(JsonText& json, const RecommendedItem::Reason& reason);

}  // namespace palate
