#include "serve/serve_config.h"

namespace palate {
namespace {

void network_fields(FieldVisitor<ServeConfig>& field) {
  using C = ServeConfig;
  field("host", &C::host, {},
        "Address to listen on; 0.0.0.0 is every interface. There is no authentication yet: put a "
        "proxy in front.");
  field("port", &C::port, {.min = 0, .max = 65535}, "TCP port; 0 takes a free one and prints it.");
  field("threads", &C::threads, {.min = 0, .max = 1024, .unit = "threads"},
        "I/O threads; 0 is one a processor.");
  field("connections_max", &C::connections_max, {.min = 1, .max = 1'000'000},
        "More connections than this at once are answered 503 and closed.");
  field("keep_alive_s", &C::keep_alive_s, {.min = 0.05, .max = 3600, .unit = "s"},
        "A connection on which no complete request arrives within this time is closed.");
  field("write_s", &C::write_s, {.min = 0.05, .max = 3600, .unit = "s"},
        "A client that does not take its answer within this time is cut off.");
  field("drain_s", &C::drain_s, {.min = 0, .max = 3600, .unit = "s"},
        "On SIGTERM, how long requests in flight may take to finish.");
}

void limit_fields(FieldVisitor<ServeConfig>& field) {
  using C = ServeConfig;
  field("body_bytes_max", &C::body_bytes_max, {.min = 1024, .max = 1e9, .unit = "bytes"},
        "A larger request body is answered 413.");
  field("bodies_bytes_max", &C::bodies_bytes_max, {.min = 1024, .max = 1e12, .unit = "bytes"},
        "All request bodies under way together; above it requests are answered 429.");
  field("request_header_bytes_max", &C::request_header_bytes_max,
        {.min = 512, .max = 1e6, .unit = "bytes"},
        "A longer request line with its headers is answered 431.");
  field("events_per_request_max", &C::events_per_request_max, {.min = 1, .max = 1e6},
        "Events in one POST /v1/events.");
  field("records_per_request_max", &C::records_per_request_max, {.min = 1, .max = 1e6},
        "Items or users in one POST.");
}

}  // namespace

void ServeConfig::fields(FieldVisitor<ServeConfig>& field) {
  network_fields(field);
  limit_fields(field);
  field("after_wait_ms_max", &ServeConfig::after_wait_ms_max,
        {.min = 0, .max = 60'000, .unit = "ms"},
        "How long a request with `after` may wait for its position before it is answered as it "
        "is.");
  field("release_poll_ms", &ServeConfig::release_poll_ms, {.min = 10, .max = 60'000, .unit = "ms"},
        "How often the server looks for a new release.");
}

}  // namespace palate
