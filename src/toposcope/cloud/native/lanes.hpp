// The innermost loop: R rows against C rows, all their differences, in vector registers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace toposcope::pairs {

// Vectors of the compiler's own; each instruction set takes them apart or together as it can.
template <class Number, std::size_t bytes>
struct Lanes {
  typedef Number Vector __attribute__((vector_size(bytes)));
  static constexpr std::size_t count = bytes / sizeof(Number);
};

// A register of sums as float64. Sixteen float32 lanes are folded to eight first, which rounds once.
template <class Measure, std::size_t bytes>
[[gnu::always_inline]] inline void carry(typename Lanes<double, bytes>::Vector& to,
                                         const typename Lanes<float, bytes>::Vector& from) {
  typename Lanes<float, bytes / 2>::Vector low, high;
  std::memcpy(&low, &from, sizeof low);
  std::memcpy(&high, reinterpret_cast<const char*>(&from) + sizeof low, sizeof high);
  Measure::join(low, high);
  typename Lanes<double, bytes>::Vector wide;
  for (std::size_t k = 0; k < bytes / sizeof(double); ++k) wide[k] = low[k];
  Measure::join(to, wide);
}

template <class Measure, std::size_t bytes>
[[gnu::always_inline]] inline void carry(typename Lanes<double, bytes>::Vector& to,
                                         const typename Lanes<double, bytes>::Vector& from) {
  Measure::join(to, from);
}

// What all lanes of a register give together, halved until one is left.
template <class Measure, std::size_t bytes>
[[gnu::always_inline]] inline double over_lanes(const typename Lanes<double, bytes>::Vector& lanes) {
  if constexpr (bytes == sizeof(double)) {
    return lanes[0];
  } else {
    typename Lanes<double, bytes / 2>::Vector low, high;
    std::memcpy(&low, &lanes, sizeof low);
    std::memcpy(&high, reinterpret_cast<const char*>(&lanes) + sizeof low, sizeof high);
    Measure::join(low, high);
    return over_lanes<Measure, bytes / 2>(low);
  }
}

// a: R rows, b: C rows, `stride` numbers apart and aligned, `width` numbers of each (a multiple of the lanes). Joins
// what they give to the R × C values at `out`, whose rows are `across` apart.
template <class Measure, class Number, std::size_t bytes, std::size_t R, std::size_t C>
[[gnu::always_inline]] inline void rows_against_rows(const Number* a, const Number* b, std::size_t stride,
                                                     std::size_t width, std::size_t terms, double* out,
                                                     std::size_t across) {
  using Vector = typename Lanes<Number, bytes>::Vector;
  using Wide = typename Lanes<double, bytes>::Vector;
  constexpr std::size_t lanes = Lanes<Number, bytes>::count;
  Wide totals[R][C] = {};
  for (std::size_t start = 0; start < width; start += terms * lanes) {
    Vector sums[R][C] = {};
    const std::size_t stop = std::min(width, start + terms * lanes);
    for (std::size_t k = start; k < stop; k += lanes) {
      Vector left[R];
#pragma GCC unroll 8
      for (std::size_t r = 0; r < R; ++r) left[r] = *reinterpret_cast<const Vector*>(a + r * stride + k);
#pragma GCC unroll 8
      for (std::size_t c = 0; c < C; ++c) {
        const Vector right = *reinterpret_cast<const Vector*>(b + c * stride + k);
#pragma GCC unroll 8
        for (std::size_t r = 0; r < R; ++r) Measure::add(sums[r][c], Vector(left[r] - right));
      }
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (std::size_t c = 0; c < C; ++c) carry<Measure, bytes>(totals[r][c], sums[r][c]);
  }
  for (std::size_t r = 0; r < R; ++r)
    for (std::size_t c = 0; c < C; ++c) Measure::join(out[r * across + c], over_lanes<Measure, bytes>(totals[r][c]));
}

}  // namespace toposcope::pairs
