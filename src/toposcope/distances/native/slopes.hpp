// Order 1 on a line, by slopes, in one sweep.
//
// Sweep over all lengths, ascending. The state is how many bars of a are on their way to a longer partner, less those of
// b, and the least cost g(k) of being in state k is convex: a bar of a either is carried on, k-1 → k, or goes to the
// diagonal, so g' = min(g(k-1), g(k) + price), which inserts the slope -price; a bar of b likewise inserts its price; and
// carrying k bars over a gap costs |k| gap, which adds the gap to the slopes right of 0 and takes it from those left of
// it. So g is two sorted lists of slopes, and where each slope was inserted tells on the way back what its bar did.
//
// This is the "slope trick" of competitive programming, for the transport problem of Aggarwal et al. (1992).
#pragma once

#include <functional>

#include "line.hpp"

namespace toposcope {
namespace line {

inline Moves match_first_order(const Diagram& a, const Diagram& b, double share) {
  const double per_unit = 1 / unit_for(longest_of(a, b));
  const std::vector<double> x = lengths_of(a.by_length, per_unit), y = lengths_of(b.by_length, per_unit);
  const std::size_t count = x.size() + y.size();
  // Slopes left of 0 are kept ascending and plus the sweep's position, those right of it descending and minus it, so
  // that a gap changes none of them and the innermost stand last.
  std::vector<double> left, right;
  std::vector<std::size_t> ranks;  // where each slope was inserted
  std::vector<char> of_a;
  left.reserve(count);
  right.reserve(count);
  ranks.reserve(count);
  of_a.reserve(count);
  const auto insert = [&](double slope, double at) {
    if (!left.empty() && slope < left.back() - at) {
      const auto place = std::lower_bound(left.begin(), left.end(), slope + at);
      ranks.push_back(static_cast<std::size_t>(place - left.begin()));
      left.insert(place, slope + at);
      return true;
    }
    if (!right.empty() && slope > right.back() + at) {
      const auto place = std::lower_bound(right.begin(), right.end(), slope - at, std::greater<double>());
      ranks.push_back(left.size() + static_cast<std::size_t>(right.end() - place));
      right.insert(place, slope - at);
      return false;
    }
    ranks.push_back(left.size());
    left.push_back(slope + at);
    return true;
  };
  for (std::size_t i = 0, j = 0; i < x.size() || j < y.size();) {
    const bool next_is_a = j == y.size() || (i < x.size() && x[i] <= y[j]);
    const double at = next_is_a ? x[i++] : y[j++];
    of_a.push_back(next_is_a);
    const bool went_left = insert(next_is_a ? -share * at : share * at, at);
    if (next_is_a && went_left) {
      right.push_back(left.back() - at - at);
      left.pop_back();
    } else if (!next_is_a && !went_left) {
      left.push_back(right.back() + at + at);
      right.pop_back();
    }
  }
  std::vector<char> left_a(x.size()), left_b(y.size());
  std::ptrdiff_t state = 0, lowest = -static_cast<std::ptrdiff_t>(y.size());
  for (std::size_t e = count, i = x.size(), j = y.size(); e-- > 0;) {
    const bool taken = static_cast<std::ptrdiff_t>(ranks[e]) < state - lowest;
    if (of_a[e]) {
      left_a[--i] = !taken;
      state -= taken;
    } else {
      left_b[--j] = taken;
      state += !taken;
      ++lowest;
    }
  }
  return in_order(a, b, left_a, left_b, share);
}

}  // namespace line
}  // namespace toposcope
