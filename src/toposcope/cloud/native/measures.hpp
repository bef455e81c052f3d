// How the differences of two rows become one distance: what each coordinate adds, and what the whole is worth.
#pragma once

#include <cstddef>
#include <limits>
#include <type_traits>

namespace toposcope::pairs {

// How many float32 terms a lane adds up before it is carried over to float64. In units of u = 2^-24 = 6e-8, the relative
// error of a sum of squares is at most 2 (the difference) + 1 (the square, where it is not fused) + 11 (additions to the
// first of 12 terms; none is negative) + 1 (folding) + 1 (the result): 16 u < 1e-6. A root halves all but the last, so
// that 24 terms give 14.5 u.
constexpr std::size_t terms_of_a_sum = 12, terms_of_a_root = 24;

// Without its sign: all bits but the first of each lane.
template <class V>
[[gnu::always_inline]] inline void set_magnitude(V& to, const V& of) {
  using Bits = decltype(of < of);
  to = V(Bits(of) & std::numeric_limits<std::remove_reference_t<decltype(Bits{}[0])>>::max());
}

struct Squares {
  template <class V>
  [[gnu::always_inline]] static void add(V& sum, const V& difference) { sum += difference * difference; }
  template <class V>
  [[gnu::always_inline]] static void join(V& sum, const V& other) { sum += other; }
};

struct Absolutes {
  template <class V>
  [[gnu::always_inline]] static void add(V& sum, const V& difference) {
    V magnitude;
    set_magnitude(magnitude, difference);
    sum += magnitude;
  }
  template <class V>
  [[gnu::always_inline]] static void join(V& sum, const V& other) { sum += other; }
};

struct Largest {
  template <class V>
  [[gnu::always_inline]] static void add(V& most, const V& difference) {
    V magnitude;
    set_magnitude(magnitude, difference);
    join(most, magnitude);
  }
  template <class V>
  [[gnu::always_inline]] static void join(V& most, const V& other) { most = most < other ? other : most; }
};

}  // namespace toposcope::pairs
