#include <array>

#include "cli/command.h"

namespace palate {

std::span<const Command> commands() {
  static const std::array list{
      init_command(),    check_command(),    import_command(),    status_command(),
      train_command(),   evaluate_command(), recommend_command(), similar_command(),
      serve_command(),   simulate_command(), load_command(),      verify_command(),
      version_command(),
  };
  return list;
}

}  // namespace palate
