// All distances between the rows of a cloud, tile by tile. Read in this order: measures.hpp (what a coordinate adds),
// lanes.hpp (the innermost loop), instructions.hpp (its versions), this file.
//
// Every distance is gathered from differences of coordinates. A difference is rounded once, whatever the offset of the
// cloud and however near the two points are, so nothing cancels: no centring, no special case for near-duplicates or
// for clusters far apart. A distance depends on its two rows only: not on the other rows, their order, or the threads.
//
// A tile is 144 rows against 144 rows. Its two panels are packed, some columns at a time, into memory that the second
// cache holds: aligned, filled up with zeros, converted to the number that is computed with.
#pragma once

#include <algorithm>
#include <atomic>
#include <cfloat>
#include <cmath>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "instructions.hpp"
#include "measures.hpp"

namespace toposcope::pairs {

enum class Kind { euclidean, sqeuclidean, manhattan, chebyshev };

// A cloud as it lies in memory; strides count numbers. shift, scale: row i stands for (x - shift[i]) * scale[i]; null
// for the row itself.
template <class In>
struct Cloud {
  const In* data;
  std::size_t n, d;
  std::ptrdiff_t row_stride, column_stride;
  const double *shift = nullptr, *scale = nullptr;

  In at(std::size_t row, std::size_t column) const {
    return data[static_cast<std::ptrdiff_t>(row) * row_stride + static_cast<std::ptrdiff_t>(column) * column_stride];
  }
  bool equal(std::size_t i, std::size_t j) const {
    for (std::size_t k = 0; k < d; ++k)
      if (at(i, k) != at(j, k)) return false;
    return true;
  }
};

// Where distances go: the whole matrix, or the upper triangle row by row.
template <class Out>
struct Target {
  Out* data;
  std::size_t n;
  bool condensed;
};

// Looked at between tiles by the thread that was called; throws to stop.
class Interrupt {
 public:
  virtual ~Interrupt() = default;
  virtual void check() = 0;
};

// Rows that are known to be equal, as a forest.
class EqualRows {
 public:
  explicit EqualRows(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  template <class In>
  bool equal(const Cloud<In>& cloud, std::size_t i, std::size_t j) {
    i = first(i), j = first(j);
    if (i == j) return true;
    if (!cloud.equal(i, j)) return false;
    parent_[j] = i;
    return true;
  }

 private:
  std::size_t first(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  std::vector<std::size_t> parent_;
};

// What one thread works in.
template <class In, class Out>
class Worker {
 public:
  Worker(const Cloud<In>& cloud, Kind kind, const Target<Out>& target, const Instructions& version)
      : cloud_(cloud),
        kind_(kind),
        target_(target),
        version_(version),
        equal_(cloud.n),
        panels_(new (std::align_val_t{alignment}) char[2 * tile_rows * panel_bytes]),
        sums_(tile_rows * tile_rows) {}

  // The rows of tile `a` against those of tile `b`, a <= b.
  void tile(std::size_t a, std::size_t b) {
    const std::size_t i = a * tile_rows, j = b * tile_rows;
    const std::size_t rows = std::min(tile_rows, cloud_.n - i), columns = std::min(tile_rows, cloud_.n - j);
    // float32 stands for itself only where the answer is float32 as well.
    if constexpr (std::is_same_v<In, float> && std::is_same_v<Out, float>) {
      if (cloud_.scale != nullptr || !sum<float>(i, rows, j, columns)) sum<double>(i, rows, j, columns);
    } else {
      sum<double>(i, rows, j, columns);
    }
    if (kind_ == Kind::euclidean)
      for (double& value : sums_) value = std::sqrt(value);
    write(i, rows, j, columns);
  }

 private:
  static constexpr std::size_t panel_bytes = 3072;  // of one row: 768 columns of float32, 384 of float64

  // False if some sum left the range in which this number keeps its digits.
  template <class Number>
  bool sum(std::size_t i, std::size_t rows, std::size_t j, std::size_t columns) {
    constexpr std::size_t most = panel_bytes / sizeof(Number), multiple = alignment / sizeof(Number);
    Number* left = reinterpret_cast<Number*>(panels_.get());
    Number* right = i == j ? left : left + tile_rows * most;
    const std::size_t terms = kind_ == Kind::euclidean ? terms_of_a_root : terms_of_a_sum;
    const auto panels = functions<Number>();
    std::fill(sums_.begin(), sums_.end(), 0.0);
    for (std::size_t start = 0; start < cloud_.d; start += most) {
      const std::size_t width = std::min(most, cloud_.d - start);
      const std::size_t stride = (width + multiple - 1) / multiple * multiple;
      pack(left, i, rows, start, width, stride);
      if (right != left) pack(right, j, columns, start, width, stride);
      panels(left, rows, right, columns, stride, stride, terms, i == j, sums_.data());
    }
    return std::is_same_v<Number, double> || all_trusted(i, rows, j, columns);
  }

  template <class Number>
  Panels<Number> functions() const {
    const Version<Number>& version = version_.of(Number{});
    if (kind_ == Kind::manhattan) return version.absolutes;
    return kind_ == Kind::chebyshev ? version.largest : version.squares;
  }

  template <class Number>
  void pack(Number* panel, std::size_t first, std::size_t rows, std::size_t start, std::size_t width,
            std::size_t stride) const {
    for (std::size_t r = 0; r < rows; ++r) {
      Number* to = panel + r * stride;
      const In* from = &cloud_.data[static_cast<std::ptrdiff_t>(first + r) * cloud_.row_stride +
                                    static_cast<std::ptrdiff_t>(start) * cloud_.column_stride];
      if (cloud_.scale != nullptr) {
        const double shift = cloud_.shift[first + r], scale = cloud_.scale[first + r];
        for (std::size_t k = 0; k < width; ++k) {
          const double value = from[static_cast<std::ptrdiff_t>(k) * cloud_.column_stride];
          to[k] = static_cast<Number>((value - shift) * scale);
        }
      } else if (cloud_.column_stride == 1) {
        for (std::size_t k = 0; k < width; ++k) to[k] = static_cast<Number>(from[k]);
      } else {
        for (std::size_t k = 0; k < width; ++k)
          to[k] = static_cast<Number>(from[static_cast<std::ptrdiff_t>(k) * cloud_.column_stride]);
      }
      std::fill(to + width, to + stride, Number{0});
    }
    // Rows are taken a few at a time: what lies behind the last one is read, and never used.
    const std::size_t filled = std::min(tile_rows, (rows + 11) / 12 * 12);
    std::fill(panel + rows * stride, panel + filled * stride, Number{0});
  }

  bool all_trusted(std::size_t i, std::size_t rows, std::size_t j, std::size_t columns) {
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = i == j ? r + 1 : 0; c < columns; ++c)
        if (!trusted(sums_[r * tile_rows + c], i + r, j + c)) return false;
    return true;
  }

  bool trusted(double sum, std::size_t i, std::size_t j) {
    if (kind_ == Kind::manhattan || kind_ == Kind::chebyshev) return true;
    // A float32 square below FLT_MIN has lost digits: d such terms matter only in sums about as small.
    if (sum >= FLT_MIN * static_cast<double>(cloud_.d)) return std::isfinite(sum);
    return sum == 0 && equal_.equal(cloud_, i, j);
  }

  void write(std::size_t i, std::size_t rows, std::size_t j, std::size_t columns) const {
    const std::size_t n = target_.n;
    if (target_.condensed) {
      for (std::size_t r = 0; r < rows; ++r) {
        // (row, column) with row < column stands at row·n - row(row + 1)/2 + column - row - 1.
        const std::size_t row = i + r, first = i == j ? r + 1 : 0;
        Out* to = target_.data + row * (2 * n - row - 1) / 2 + (j + first - row - 1);
        for (std::size_t c = first; c < columns; ++c) *to++ = static_cast<Out>(sums_[r * tile_rows + c]);
      }
      return;
    }
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c)
        target_.data[(i + r) * n + j + c] = value_at(r, c, i == j);
    if (i == j) return;
    for (std::size_t c = 0; c < columns; ++c)
      for (std::size_t r = 0; r < rows; ++r)
        target_.data[(j + c) * n + i + r] = static_cast<Out>(sums_[r * tile_rows + c]);
  }

  Out value_at(std::size_t r, std::size_t c, bool same) const {
    if (same && r == c) return Out{0};
    return static_cast<Out>(same && c < r ? sums_[c * tile_rows + r] : sums_[r * tile_rows + c]);
  }

  struct Free {
    void operator()(char* p) const { ::operator delete[](p, std::align_val_t{alignment}); }
  };

  const Cloud<In>& cloud_;
  Kind kind_;
  const Target<Out>& target_;
  const Instructions& version_;
  EqualRows equal_;
  std::unique_ptr<char[], Free> panels_;
  std::vector<double> sums_;
};

// Tiles are handed out one by one; which thread takes which changes nothing.
template <class In, class Out>
void all_pairs(const Cloud<In>& cloud, Kind kind, const Target<Out>& target, unsigned threads,
               const Instructions& version, Interrupt& interrupt) {
  const std::size_t across = (cloud.n + tile_rows - 1) / tile_rows, tiles = across * (across + 1) / 2;
  std::atomic<std::size_t> next{0};
  const auto work = [&](Interrupt* watched) {
    Worker<In, Out> worker(cloud, kind, target, version);
    std::size_t a = 0, row_start = 0;
    for (std::size_t t = next++; t < tiles; t = next++) {
      while (t - row_start >= across - a) row_start += across - a++;
      worker.tile(a, a + (t - row_start));
      if (watched != nullptr) watched->check();
    }
  };
  const std::size_t helpers = std::min<std::size_t>(threads, tiles) - (tiles > 0);
  std::vector<std::thread> pool;
  std::exception_ptr failure;
  std::mutex one_at_a_time;
  const auto guarded = [&](Interrupt* watched) {
    try {
      work(watched);
    } catch (...) {
      next = tiles;
      const std::lock_guard<std::mutex> lock(one_at_a_time);
      if (!failure) failure = std::current_exception();
    }
  };
  try {
    for (std::size_t k = 0; k < helpers; ++k) pool.emplace_back(guarded, nullptr);
  } catch (const std::system_error&) {
    // No more threads to be had: those that there are do it.
  }
  guarded(&interrupt);
  for (std::thread& thread : pool) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace toposcope::pairs
