#include "base/processes.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <spawn.h>

#include "base/stop.h"

namespace palate {
namespace {

Result<pid_t> start(const Program& program) {
  constexpr int kMode = 0644, kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  std::vector<char*> arguments;
  for (const std::string& text : program.arguments) {
    arguments.push_back(const_cast<char*>(text.c_str()));  // NOLINT: posix_spawn only reads them
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, program.out.c_str(), kFlags, kMode);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, program.errors.c_str(), kFlags, kMode);
  pid_t child = 0;
  const int error = posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return child;
  return fail(Code::kIo, "{} could not be started: {}", program.arguments[0], std::strerror(error));
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

Status run_programs(std::span<Program> programs, const std::stop_token& stop) {
  constexpr auto kLook = std::chrono::milliseconds(20);
  std::vector<pid_t> running(programs.size(), 0);
  Status started;
  for (size_t i = 0; i < programs.size() && started; ++i) {
    const auto child = start(programs[i]);
    if (child) {
      running[i] = *child;
    } else {
      started = std::unexpected(child.error());
    }
  }
  bool told = false;
  while (std::ranges::any_of(running, [](pid_t child) { return child != 0; })) {
    if (!told && (stop.stop_requested() || !started)) {
      told = true;
      for (const pid_t child : running) {
        if (child != 0) ::kill(child, SIGTERM);
      }
    }
    for (size_t i = 0; i < running.size(); ++i) {
      int status = 0;
      if (running[i] == 0 || waitpid(running[i], &status, WNOHANG) != running[i]) continue;
      programs[i].exit_code = code_of(status);
      running[i] = 0;
    }
    std::this_thread::sleep_for(kLook);
  }
  TRY(std::move(started));
  return check_stop(stop);
}

}  // namespace palate
