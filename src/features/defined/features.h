// Every feature that becomes a number, each in the file of its name.
#pragma once

#include "features/feature.h"

namespace palate::defined {

Feature category_count();
Feature co_view();
Feature creator_count();
Feature item_age_d();
Feature item_anomaly();
Feature item_count();
Feature item_popularity();
Feature item_rate();
Feature item_trending();
Feature region_count();
Feature session_dwell_s();
Feature session_events();
Feature session_length_s();
Feature user_age_d();
Feature user_burst_share();
Feature user_category();
Feature user_count();
Feature user_creator();
Feature user_entropy_bits();
Feature user_frequency_d();
Feature user_item_likes();
Feature user_recency_h();
Feature user_sessions();
Feature user_taste_jump();
Feature user_trust();

}  // namespace palate::defined
