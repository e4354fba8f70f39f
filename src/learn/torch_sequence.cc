#include "learn/torch_sequence.h"

#include <algorithm>
#include <cmath>

namespace palate {
namespace {

// Sequences side by side, the newest first: what is left of a row stands for no id.
struct Grid {
  at::Tensor place;  // [rows × longest]: a row of `embedded`, or one behind the last for no id
  at::Tensor known;  // [rows × longest], whether there is one
};

Grid grid_of(const TorchSequences& sequences, uint32_t length) {
  const auto rows = static_cast<size_t>(sequences.rows());
  const auto count_of = [&](size_t row) {
    return std::min(sequences.start[row + 1] - sequences.start[row], length);
  };
  uint32_t longest = 1;  // a grid without a column has no maximum
  for (size_t row = 0; row < rows; ++row) longest = std::max(longest, count_of(row));
  const int64_t none = sequences.embedded.size(0);
  at::Tensor place = at::full({sequences.rows(), longest}, none, at::kLong);
  auto* at_place = place.mutable_data_ptr<int64_t>();
  for (size_t row = 0; row < rows; ++row) {
    for (uint32_t j = 0; j < count_of(row); ++j) {
      at_place[row * longest + j] = int64_t{sequences.start[row + 1]} - 1 - j;
    }
  }
  return {place, place.ne(none)};
}

// `made` [ids × columns] in the places of the grid, zeros for none: [rows × longest × columns].
at::Tensor spread(const at::Tensor& made, const Grid& grid) {
  const at::Tensor all = at::cat({made, at::zeros({1, made.size(1)})});
  return all.index_select(0, grid.place.view(-1))
      .view({grid.place.size(0), grid.place.size(1), made.size(1)});
}

}  // namespace

at::Tensor attended(const Op& op, const AttendTensors& tensors, const TorchSequences& sequences) {
  const int64_t rows = sequences.rows(), width = op.width, heads = op.parts, each = width / heads;
  const Grid grid = grid_of(sequences, op.length);
  const int64_t longest = grid.place.size(1);
  const at::Tensor made = at::mm(sequences.embedded, tensors.weight.t());
  const auto by_head = [&](const at::Tensor& some) {  // [rows × heads × longest × each]
    return spread(some, grid).view({rows, longest, heads, each}).transpose(1, 2);
  };
  const at::Tensor keys = by_head(made.narrow(1, 0, width));
  const at::Tensor values = by_head(made.narrow(1, width, width) + tensors.bias);
  const at::Tensor query = tensors.query.expand({rows, width}).reshape({rows, heads, 1, each});
  at::Tensor scores =
      at::matmul(query, keys.transpose(2, 3)) / std::sqrt(static_cast<double>(each));
  scores = scores + tensors.position.narrow(1, 0, longest).view({1, heads, 1, longest});
  // Not −∞: a row without ids has shares of nothing then, of values that are zeros.
  scores = scores.masked_fill(grid.known.logical_not().view({rows, 1, 1, longest}), -1e30);
  return at::matmul(at::softmax(scores, 3), values).reshape({rows, width});
}

at::Tensor gru_state(const Op& op, const GruTensors& tensors, const TorchSequences& sequences) {
  const int64_t width = op.width;
  const Grid grid = grid_of(sequences, op.length);
  const at::Tensor made =
      spread(at::addmm(tensors.bias[0], sequences.embedded, tensors.weight.t()), grid);
  at::Tensor state = at::zeros({sequences.rows(), width});
  for (int64_t j = made.size(1); j-- > 0;) {
    const at::Tensor in = made.select(1, j);
    const at::Tensor inner = at::addmm(tensors.bias[1], state, tensors.inner.t());
    const at::Tensor both = at::sigmoid(in.narrow(1, 0, 2 * width) + inner.narrow(1, 0, 2 * width));
    const at::Tensor r = both.narrow(1, 0, width), z = both.narrow(1, width, width);
    const at::Tensor fresh =
        at::tanh(in.narrow(1, 2 * width, width) + r * inner.narrow(1, 2 * width, width));
    // Rows whose sequence has not begun stay at zeros.
    state = at::where(grid.known.select(1, j).unsqueeze(1), fresh + z * (state - fresh), state);
  }
  return state;
}

}  // namespace palate
