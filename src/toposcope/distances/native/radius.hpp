// The bottleneck distance on a line, by bisection.
//
// Whether a radius suffices is one pass over each side. The answer changes only at candidate values, so the least double
// that suffices is one of them.
#pragma once

#include <cstring>

#include "line.hpp"

namespace toposcope {
namespace line {

// Whether every bar of x farther than `radius` from the diagonal finds a partner within it: the longest first, each
// takes the longest that is left in reach.
inline bool covers(const std::vector<Bar>& x, const std::vector<Bar>& y, double radius) {
  std::size_t j = y.size();
  for (std::size_t i = x.size(); i-- > 0 && to_diagonal(x[i], 0.5) > radius;) {
    while (j > 0 && y[j - 1].death - x[i].death > radius) --j;
    if (j == 0 || x[i].death - y[j - 1].death > radius) return false;
    --j;
  }
  return true;
}

}  // namespace line

inline double bottleneck_on_a_line(const Diagram& a, const Diagram& b) {
  // If those of a can be served, and those of b, then both can at once (Mendelsohn and Dulmage 1958).
  const auto suffices = [&](double radius) {
    return line::covers(a.by_length, b.by_length, radius) && line::covers(b.by_length, a.by_length, radius);
  };
  // Doubles that are not negative are ordered like their bits.
  const auto bits_of = [](double x) {
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
  };
  const auto double_of = [](std::uint64_t bits) {
    double x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
  };
  std::uint64_t low = 0, high = bits_of(line::longest_of(a, b));
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (suffices(double_of(middle)))
      high = middle;
    else
      low = middle + 1;
  }
  return double_of(low);
}

}  // namespace toposcope
