// The catalogue of features: an explicit list. To add one: its file here, its line in features.h,
// and one below.
#include "features/defined/features.h"

#include <array>

namespace palate {

std::span<const Feature> features() {
  using namespace defined;
  static const std::array list{
      user_recency_h(), user_frequency_d(), user_entropy_bits(), user_taste_jump(), user_sessions(),
      session_events(), session_length_s(), session_dwell_s(),   user_age_d(),      user_count(),
      user_trust(),     user_burst_share(), item_popularity(),   item_count(),      item_rate(),
      item_trending(),  item_anomaly(),     item_age_d(),        category_count(),  creator_count(),
      region_count(),   user_category(),    user_creator(),      user_item_likes(), co_view(),
  };
  return list;
}

}  // namespace palate
