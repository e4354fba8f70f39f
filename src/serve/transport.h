// HTTP/1.1 on Boost.Beast: connections, limits, timeouts, draining. Knows nothing of recommending;
// Beast stays behind this header (session.h is internal). One event loop a thread; one acceptor
// deals connections out in turn, so that few connections still load all threads evenly.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "serve/http.h"
#include "serve/serve_config.h"

namespace palate {

class HttpServer {
 public:
  struct Callbacks {
    Handler handle;
    Refusal refuse;
  };
  // Listens; connections wait for serve(). Errors: kConflict for a port in use, kPermission,
  // kInvalidArgument for an address that is none of this machine's.
  static Result<std::unique_ptr<HttpServer>> listen(const ServeConfig& config);
  // Starts the threads. Once.
  void serve(Callbacks callbacks);
  // drain(), if nobody did.
  ~HttpServer();

  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] size_t connections() const;
  // Stops accepting, closes idle connections, lets requests in flight finish for at most drain_s,
  // then cuts off. Returns when every request that was handed to the handler has been answered.
  // Once; from one thread.
  void drain();

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace palate
