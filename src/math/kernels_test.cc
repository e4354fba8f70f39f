// Every kernel against its plain twin, on every instruction set of this processor.
#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "math/dense.h"
#include "math/every_target.h"
#include "math/philox.h"
#include "math/plain.h"
#include "math/rows.h"
#include "math/spectrum.h"

namespace palate {
namespace {

constexpr uint64_t kSeed = 20260;

std::vector<float> draw(size_t count, uint64_t stream) {
  Philox random(kSeed, stream);
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(random.normal());
  return out;
}

struct Shape {
  size_t rows, dim;
};
// Around the kernels' blocks of eight rows and sixteen lanes.
const std::vector<Shape> kShapes{{0, 16},  {1, 16},  {7, 32},  {8, 16},    {9, 48},  {16, 64},
                                 {23, 64}, {64, 80}, {65, 96}, {130, 128}, {31, 256}};

template <class Body>
void for_every_shape(Body body) {
  for_every_target([&] {
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(testing::Message() << shape.rows << " rows, dim " << shape.dim);
      const std::vector<float> table = draw(shape.rows * shape.dim, shape.rows);
      body(RowsView{table.data(), shape.rows, shape.dim});
    }
  });
}

// fp32 sums of n products of normal numbers, against double.
double tolerance(size_t terms) { return 1e-6 * (8.0 + static_cast<double>(terms)); }

TEST(Kernels, DotAndAxpy) {
  for_every_shape([](const RowsView& rows) {
    const std::vector<float> x = draw(rows.dim, 1000);
    for (size_t i = 0; i < rows.count; ++i) {
      EXPECT_NEAR(dot(rows.row(i), x.data(), rows.dim), plain::dot(rows.row(i), x.data(), rows.dim),
                  tolerance(rows.dim));
      std::vector<float> y = x;
      axpy(0.5F, rows.row(i), y.data(), rows.dim);
      for (size_t d = 0; d < rows.dim; ++d) EXPECT_NEAR(y[d], x[d] + 0.5 * rows.row(i)[d], 1e-5);
    }
  });
}

TEST(Kernels, RowsDot) {
  for_every_shape([](const RowsView& rows) {
    const std::vector<float> x = draw(rows.dim, 1000);
    std::vector<float> out(rows.count);
    rows_dot(rows, x.data(), out.data());
    for (size_t i = 0; i < rows.count; ++i) {
      EXPECT_NEAR(out[i], plain::dot(rows.row(i), x.data(), rows.dim), tolerance(rows.dim)) << i;
    }
  });
}

// Row numbers in no order, some of them more than once.
std::vector<uint32_t> pick(const RowsView& rows, size_t count) {
  Philox random(kSeed, 5);
  std::vector<uint32_t> index(rows.count == 0 ? 0 : count);
  for (uint32_t& i : index) i = random.below(static_cast<uint32_t>(rows.count));
  return index;
}

TEST(Kernels, PickedDot) {
  for_every_shape([](const RowsView& rows) {
    const std::vector<float> x = draw(rows.dim, 1000);
    const std::vector<uint32_t> index = pick(rows, 45);
    const PickedRows picked{rows, index};
    std::vector<float> out(index.size());
    rows_dot(picked, x.data(), out.data());
    for (size_t i = 0; i < index.size(); ++i) {
      EXPECT_NEAR(out[i], plain::dot(picked.row(i), x.data(), rows.dim), tolerance(rows.dim)) << i;
    }
  });
}

TEST(Kernels, RowsApplyAndQuadratic) {
  for_every_shape([](const RowsView& rows) {
    const std::vector<uint32_t> index = pick(rows, rows.count + 3);
    const PickedRows picked{rows, index};
    const size_t terms = rows.dim * (index.size() + 1);
    const std::vector<float> x = draw(rows.dim, 1000), offset = draw(index.size(), 1001),
                             scale = draw(index.size(), 1002);
    for (const float* with_offset : {static_cast<const float*>(nullptr), offset.data()}) {
      const RowScales scales{with_offset, scale.data()};
      std::vector<float> y = x;
      std::vector<double> expected(x.begin(), x.end());
      const double sum = rows_apply(picked, scales, x.data(), y.data());
      const double expected_sum = plain::rows_apply(picked, scales, x.data(), expected);
      EXPECT_NEAR(sum, expected_sum, 8 * tolerance(terms));
      for (size_t d = 0; d < rows.dim; ++d) {
        EXPECT_NEAR(y[d], expected[d], 8 * tolerance(terms)) << d;
      }
    }
    EXPECT_NEAR(rows_quadratic(picked, scale.data(), x.data()),
                plain::rows_quadratic(picked, scale.data(), x.data()), 8 * tolerance(terms));
  });
}

TEST(Kernels, WeightedGram) {
  for_every_shape([](const RowsView& rows) {
    const size_t dim = rows.dim;
    std::vector<uint32_t> index(rows.count);
    std::iota(index.rbegin(), index.rend(), 0U);
    const PickedRows picked{rows, index};
    const std::vector<float> root = draw(rows.count, 1003), offset = draw(rows.count, 1006),
                             start = draw(dim * dim, 1004);
    std::vector<float> packed(rows.count * dim), c = start, sum = draw(dim, 1005);
    std::vector<float> square(rows.count);
    std::vector<double> expected(start.begin(), start.end()), expected_sum(sum.begin(), sum.end());
    for (size_t i = 0; i < rows.count; ++i) {
      square[index[i]] = root[i] * root[i];
      for (size_t d = 0; d < dim; ++d) expected_sum[d] += double{offset[i]} * picked.row(i)[d];
    }
    pack_rows(picked, {offset.data(), root.data()}, packed.data(), sum.data());
    add_outer({packed.data(), rows.count, dim}, c.data());
    plain::gram(rows, square.data(), expected);
    for (size_t i = 0; i < dim; ++i) {
      EXPECT_NEAR(sum[i], expected_sum[i], 4 * tolerance(rows.count)) << i;
      for (size_t j = i; j < dim; ++j) {
        ASSERT_NEAR(c[i * dim + j], expected[i * dim + j], 8 * tolerance(rows.count)) << i << j;
      }
    }
    mirror_upper(c.data(), dim);
    EXPECT_EQ(c[dim + 0], c[1]);
    EXPECT_EQ(c[(dim - 1) * dim + 2], c[2 * dim + dim - 1]);
  });
}

// Of a table with itself, its columns in panels, against the first columns of another.
TEST(Kernels, SubtractProducts) {
  for_every_shape([](const RowsView& rows) {
    const size_t count = rows.count, wide = rows.dim, narrow = 16, stride = wide + 3;
    const std::vector<float> other = draw(count * narrow, 1008),
                             start = draw(narrow * stride, 1009);
    const auto panels = [count](const float* table, size_t dim) {
      std::vector<float> out(count * dim);
      for (size_t i = 0; i < count; ++i) {
        for (size_t d = 0; d < dim; ++d) {
          out[(d / kLanes * count + i) * kLanes + d % kLanes] = table[i * dim + d];
        }
      }
      return out;
    };
    const auto left = panels(other.data(), narrow), right = panels(rows.data, wide);
    std::vector<float> c = start;
    subtract_products({left.data(), count, narrow}, {right.data(), count, wide},
                      {c.data(), stride});
    for (size_t a = 0; a < narrow; ++a) {
      for (size_t b = 0; b < stride; ++b) {
        double expected = start[a * stride + b];
        for (size_t i = 0; b < wide && i < count; ++i) {
          expected -= double{other[i * narrow + a]} * rows.row(i)[b];
        }
        ASSERT_NEAR(c[a * stride + b], expected, 8 * tolerance(count)) << a << ' ' << b;
      }
    }
  });
}

TEST(Kernels, RowsAdd) {
  for_every_shape([](const RowsView& rows) {
    const std::vector<uint32_t> index = pick(rows, rows.count + 3);
    const std::vector<float> scale = draw(index.size(), 1002), start = draw(rows.dim, 1000);
    std::vector<float> y = start;
    std::vector<double> expected(start.begin(), start.end());
    rows_add({rows, index}, scale.data(), y.data());
    for (size_t i = 0; i < index.size(); ++i) {
      for (size_t d = 0; d < rows.dim; ++d) expected[d] += double{scale[i]} * rows.row(index[i])[d];
    }
    for (size_t d = 0; d < rows.dim; ++d) EXPECT_NEAR(y[d], expected[d], tolerance(index.size()));
  });
}

TEST(Kernels, PackedColumnsGiveTheGramMatrixOfTheRows) {
  for_every_shape([](const RowsView& rows) {
    const size_t size = padded(rows.count);
    std::vector<uint32_t> index(rows.count);
    std::iota(index.rbegin(), index.rend(), 0U);
    const PickedRows picked{rows, index};
    const std::vector<float> scale = draw(rows.count, 1003), column = draw(rows.dim, 1004);
    std::vector<float> packed(size * rows.dim, NAN), c(size * size, 0.0F);
    pack_columns(picked, scale.data(), column.data(), packed.data());
    if (rows.count > 0) add_outer({packed.data(), rows.dim, size}, c.data());
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = i; j < size; ++j) {
        double expected = 0;
        for (size_t d = 0; i < rows.count && j < rows.count && d < rows.dim; ++d) {
          expected += double{column[d]} * column[d] * picked.row(i)[d] * picked.row(j)[d];
        }
        if (expected != 0) expected *= double{scale[i]} * scale[j];
        ASSERT_NEAR(c[i * size + j], expected, 64 * tolerance(rows.dim)) << i << " " << j;
      }
    }
  });
}

TEST(Kernels, RotateRows) {
  for_every_shape([](const RowsView& rows) {
    const size_t dim = rows.dim;
    const std::vector<float> q = draw(dim * dim, 1007);
    std::vector<float> rotated(rows.data, rows.data + rows.count * dim);
    rotate_rows(rotated.data(), rows.count, q.data(), dim);
    for (size_t i = 0; i < rows.count; ++i) {
      for (size_t j = 0; j < dim; ++j) {
        double expected = 0;
        for (size_t d = 0; d < dim; ++d) expected += double{rows.row(i)[d]} * q[d * dim + j];
        ASSERT_NEAR(rotated[i * dim + j], expected, 8 * tolerance(dim)) << i << " " << j;
      }
    }
  });
}

TEST(Kernels, SpectrumDiagonalizes) {
  const size_t size = 37, dim = 48;
  const std::vector<float> table = draw(60 * dim, 1008);
  std::vector<double> gram(dim * dim, 0.0);
  plain::gram({table.data(), 60, dim}, nullptr, gram);
  const std::vector<float> a(gram.begin(), gram.end());
  const Spectrum axes = spectrum(a.data(), size, dim);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < size; ++j) {
      double product = 0, image = 0;
      for (size_t k = 0; k < size; ++k) {
        product += double{axes.vectors[k * dim + i]} * axes.vectors[k * dim + j];
        for (size_t l = 0; l < size; ++l) {
          image += axes.vectors[k * dim + i] * gram[k * dim + l] * axes.vectors[l * dim + j];
        }
      }
      EXPECT_NEAR(product, i == j ? 1 : 0, 1e-5);
      EXPECT_NEAR(image, i == j ? axes.values[i] : 0, 1e-3);
    }
  }
  for (size_t d = size; d < dim; ++d) EXPECT_EQ(axes.values[d], 0);
}

TEST(Kernels, CholeskySolve) {
  for_every_shape([](const RowsView& rows) {
    const size_t dim = rows.dim;
    std::vector<double> a(dim * dim, 0.0);
    plain::gram(rows, nullptr, a);
    for (size_t d = 0; d < dim; ++d) a[d * dim + d] += 1 + static_cast<double>(dim) / 4;
    std::vector<float> fast(a.begin(), a.end());
    // Only the upper triangle may be read.
    for (size_t i = 0; i < dim; ++i) {
      for (size_t j = 0; j < i; ++j) fast[i * dim + j] = NAN;
    }
    std::vector<float> x = draw(dim, 1005);
    std::vector<double> expected(x.begin(), x.end());
    ASSERT_TRUE(plain::cholesky_solve(a, expected));
    ASSERT_TRUE(cholesky_solve(fast.data(), x.data(), dim));
    for (size_t d = 0; d < dim; ++d) EXPECT_NEAR(x[d], expected[d], 2e-4) << d;
  });
}

TEST(Kernels, CholeskyRefusesWhatIsNotPositiveDefinite) {
  for_every_target([] {
    std::vector<float> a(32 * 32, 0.0F), b(32, 1.0F);
    for (size_t d = 0; d < 32; ++d) a[d * 32 + d] = d == 20 ? -1.0F : 1.0F;
    EXPECT_FALSE(cholesky_solve(a.data(), b.data(), 32));
    a.assign(32 * 32, 0.0F);
    a[0] = NAN;
    EXPECT_FALSE(cholesky_solve(a.data(), b.data(), 32));
  });
}

}  // namespace
}  // namespace palate
