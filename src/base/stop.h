// Stopping on request. Long work takes a std::stop_token and returns kCancelled soon after it
// fires, leaving nothing half-written.
#pragma once

#include <functional>
#include <stop_token>

#include "base/result.h"

namespace palate {

// Fires on the first SIGINT, SIGTERM or SIGHUP after install_signal_handlers(); a second SIGINT
// ends the process at once.
std::stop_token process_stop_token();
// A SIGHUP that is ignored already (nohup) stays so.
void install_signal_handlers();
// What a shell expects of a process that a signal stopped: 130 after SIGINT, 143 after SIGTERM, 129
// after SIGHUP; 0 where none came.
int stop_exit_code();
// From here on SIGHUP calls `reload` (on a thread of its own, one call at a time) instead of
// stopping; nullptr brings back the stop. Returns after a running call has ended.
void on_hangup(std::function<void()> reload);

// kCancelled when `stop` has fired.
Status check_stop(const std::stop_token& stop);

}  // namespace palate
