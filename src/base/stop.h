// Stopping on request. Long work takes a std::stop_token and returns kCancelled soon after it
// fires, leaving nothing half-written.
#pragma once

#include <functional>
#include <stop_token>

#include "base/result.h"

namespace palate {

// Fires on the first SIGINT or SIGTERM after install_signal_handlers(); a second SIGINT ends the
// process at once.
std::stop_token process_stop_token();
void install_signal_handlers();

// kCancelled when `stop` has fired.
Status check_stop(const std::stop_token& stop);

}  // namespace palate
