// The [serve] section.
#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"

namespace palate {

struct ServeConfig {
  std::string host = "127.0.0.1";
  int port = 8080;
  int threads = 0;
  int64_t body_bytes_max = 4 << 20;
  int64_t bodies_bytes_max = 256 << 20;
  int64_t request_header_bytes_max = 16 << 10;
  int64_t events_per_request_max = 10'000;
  int64_t records_per_request_max = 1'000;
  int connections_max = 1024;
  double keep_alive_s = 30;
  double write_s = 30;
  double drain_s = 10;
  double after_wait_ms_max = 1'000;
  double release_poll_ms = 200;

  static void fields(FieldVisitor<ServeConfig>& field);
};

}  // namespace palate
