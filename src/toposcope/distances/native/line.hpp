// Bars that are all born together, as in degree 0: only lengths matter, and some optimal matching does not cross.
//
// Order 1. Sweep over all lengths, ascending. The state is how many bars of a are on their way to a longer partner, less
// those of b, and the least cost g(k) of being in state k is convex: a bar of a either is carried on, k-1 → k, or goes
// to the diagonal, so g' = min(g(k-1), g(k) + price), which inserts the slope -price; a bar of b likewise inserts its
// price; and carrying k bars over a gap costs |k| gap, which adds the gap to the slopes right of 0 and takes it from
// those left of it. So g is two sorted lists of slopes, and where each slope was inserted tells on the way back what its
// bar did.
// Higher orders. f(i, j), the least cost of the first i bars of a and j of b, is the least of f(i-1, j-1) + |a_i - b_j|^p,
// f(i-1, j) + price and f(i, j-1) + price, filled along antidiagonals, which do not depend on each other within, and
// only as far from the main one as the prices of the bars left out allow.
// Bottleneck. Whether a radius suffices is one pass over each side; the least that does is found by bisection over the
// doubles, and is one of the candidate values, because the answer changes only there.
//
// Read: Aggarwal et al., "Efficient minimum cost matching using quadrangle inequality" (1992), for matchings on a line;
// the slopes are the "slope trick" for convex functions.
#pragma once

#include <cstring>

#include "diagram.hpp"
#include "moves.hpp"

namespace toposcope {
namespace line {

inline std::vector<double> lengths_of(const std::vector<Bar>& bars, double per_unit) {
  std::vector<double> lengths;
  lengths.reserve(bars.size());
  for (const Bar bar : bars) lengths.push_back((0.5 * bar.death - 0.5 * bar.birth) * (2 * per_unit));
  return lengths;
}

inline double longest_of(const Diagram& a, const Diagram& b) {
  double longest = 0;
  for (const Diagram* each : {&a, &b})
    if (!each->bars.empty()) longest = std::max(longest, to_diagonal(each->by_length.back(), 0.5));
  return longest;
}

// The moves, once it is known who goes to the diagonal: the others are matched in order.
inline Moves in_order(const Diagram& a, const Diagram& b, const std::vector<char>& left_a,
                      const std::vector<char>& left_b, double share) {
  Moves moves;
  moves.reserve(a.bars.size() + b.bars.size());
  std::size_t j = 0;
  const auto skip = [&] {
    for (; j < b.bars.size() && left_b[j]; ++j)
      moves.push_back({the_diagonal, b.rows_by_length[j], to_diagonal(b.by_length[j], share)});
  };
  for (std::size_t i = 0; i < a.bars.size(); ++i) {
    if (left_a[i]) {
      moves.push_back({a.rows_by_length[i], the_diagonal, to_diagonal(a.by_length[i], share)});
      continue;
    }
    skip();
    moves.push_back({a.rows_by_length[i], b.rows_by_length[j], std::abs(a.by_length[i].death - b.by_length[j].death)});
    ++j;
  }
  skip();
  return moves;
}

// Whether matching in order is surely optimal: as many on both sides and none much longer. A pair never costs more than
// both ways to the diagonal once that holds for the shortest with the longest, and without the diagonal order is best,
// the cost being convex.
inline bool order_is_optimal(const Diagram& a, const Diagram& b, double p, double share) {
  if (a.bars.size() != b.bars.size()) return false;
  if (a.bars.empty()) return true;
  const double low = std::min(to_diagonal(a.by_length.front(), 0.5), to_diagonal(b.by_length.front(), 0.5));
  const double ratio = low / longest_of(a, b);
  return std::pow(1 - ratio, p) <= std::pow(share * ratio, p) + std::pow(share, p);
}

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

constexpr std::size_t narrow = 8;  // the band that is tried first

// The table f of higher orders. Lengths in units.
template <class Power>
class Table {
 public:
  Table(const std::vector<double>& x, const std::vector<double>& y, double share, Power power)
      : m_(x.size()), n_(y.size()), power_(power), x_(m_ + 1), price_x_(m_ + 1), y_(n_ + 1), price_y_(n_ + 1) {
    for (std::size_t i = 1; i <= m_; ++i) {
      x_[i] = x[i - 1];
      price_x_[i] = power(share * x[i - 1]);
    }
    // Backwards, so that an antidiagonal reads both sides forwards.
    for (std::size_t j = 1; j <= n_; ++j) {
      y_[n_ - j] = y[j - 1];
      price_y_[n_ - j] = power(share * y[j - 1]);
    }
  }

  // The least cost with at most `band` more bars left out on either side than there must be.
  double fill(std::size_t band, std::vector<char>* choices, Interrupt& interrupt) {
    const auto m = static_cast<std::ptrdiff_t>(m_), n = static_cast<std::ptrdiff_t>(n_);
    const auto w = static_cast<std::ptrdiff_t>(band);
    low_ = std::max(std::min<std::ptrdiff_t>(0, n - m) - w, -m);
    high_ = std::min(std::max<std::ptrdiff_t>(0, n - m) + w, n);
    if (choices != nullptr) choices->assign((m_ + n_ + 1) * width(), 0);
    for (auto& row : rows_) row.assign(m_ + 3, infinity);
    double* before = rows_[0].data() + 1;  // of the antidiagonal before the last
    double* last = rows_[1].data() + 1;
    double* next = rows_[2].data() + 1;
    last[0] = 0;
    for (std::ptrdiff_t s = 1; s <= m + n; ++s) {
      interrupt.check();
      const std::ptrdiff_t begin = first_of(s);
      const std::ptrdiff_t end = std::min(std::min(m, s), floor_half(s - low_)) + 1;
      const double* const y = y_.data() + (n - s);
      const double* const price_y = price_y_.data() + (n - s);
      next[begin - 1] = infinity;
      if (choices == nullptr)
        for (std::ptrdiff_t i = begin; i < end; ++i) {
          const double alone = std::min(last[i - 1] + price_x_[i], last[i] + price_y[i]);
          next[i] = std::min(alone, before[i - 1] + power_(std::abs(x_[i] - y[i])));
        }
      else
        for (std::ptrdiff_t i = begin; i < end; ++i) {
          const double matched = before[i - 1] + power_(std::abs(x_[i] - y[i]));
          const double without_x = last[i - 1] + price_x_[i], without_y = last[i] + price_y[i];
          next[i] = std::min(std::min(without_x, without_y), matched);
          (*choices)[static_cast<std::size_t>(s) * width() + static_cast<std::size_t>(i - begin)] =
              matched <= next[i] ? 0 : without_x <= next[i] ? 1 : 2;
        }
      next[end] = infinity;
      double* const free = before;
      before = last;
      last = next;
      next = free;
    }
    return last[m];
  }

  // Who goes to the diagonal, by the choices that `fill` noted.
  void read(const std::vector<char>& choices, std::vector<char>& left_x, std::vector<char>& left_y) const {
    left_x.assign(m_, 0);
    left_y.assign(n_, 0);
    for (std::size_t i = m_, j = n_; i + j > 0;) {
      const auto s = static_cast<std::ptrdiff_t>(i + j);
      const char choice = choices[(i + j) * width() + static_cast<std::size_t>(static_cast<std::ptrdiff_t>(i) - first_of(s))];
      if (choice == 0) {
        --i;
        --j;
      } else if (choice == 1) {
        left_x[--i] = 1;
      } else {
        left_y[--j] = 1;
      }
    }
  }

  // The narrowest band outside of which every way costs more than `cost`, beyond rounding: to leave it, so many of the
  // shortest bars of both sides must have been left out.
  std::size_t band_for(double cost) const {
    const std::size_t surplus_x = m_ > n_ ? m_ - n_ : 0, surplus_y = n_ > m_ ? n_ - m_ : 0;
    double sum = 0;
    for (std::size_t k = 1; k <= surplus_x; ++k) sum += price_x_[k];
    for (std::size_t k = 1; k <= surplus_y; ++k) sum += price_y_[n_ - k];
    for (std::size_t band = 0;; ++band) {
      const std::size_t i = surplus_x + band + 1, j = surplus_y + band + 1;
      if (i > m_ || j > n_) return band;
      sum += price_x_[i] + price_y_[n_ - j];
      if (sum > cost * (1 + 1e-9)) return band;
    }
  }

 private:
  static std::ptrdiff_t floor_half(std::ptrdiff_t x) { return x >= 0 ? x / 2 : -((1 - x) / 2); }
  std::size_t width() const { return static_cast<std::size_t>((high_ - low_) / 2 + 1); }
  std::ptrdiff_t first_of(std::ptrdiff_t s) const {
    const auto n = static_cast<std::ptrdiff_t>(n_);
    return std::max(std::max<std::ptrdiff_t>(0, s - n), -floor_half(high_ - s));
  }

  std::size_t m_;
  std::size_t n_;
  Power power_;
  std::vector<double> x_, price_x_, y_, price_y_;
  std::vector<double> rows_[3];
  std::ptrdiff_t low_ = 0;  // of j - i
  std::ptrdiff_t high_ = 0;
};

// The moves of an optimal matching of higher order, lengths counted in `unit`s.
template <class Power>
Moves match_higher_order(const Diagram& a, const Diagram& b, Table<Power>& table, double share, Interrupt& interrupt) {
  std::vector<char> choices, left_a, left_b;
  table.fill(table.band_for(table.fill(narrow, nullptr, interrupt)), &choices, interrupt);
  table.read(choices, left_a, left_b);
  return in_order(a, b, left_a, left_b, share);
}

// The distance of order p, and the moves if they are asked for.
template <class Power>
double higher_order(const Diagram& a, const Diagram& b, double p, Power power, double share, Interrupt& interrupt,
                    Moves* moves) {
  for (double unit = unit_for(2 * longest_of(a, b));;) {
    Table<Power> table(lengths_of(a.by_length, 1 / unit), lengths_of(b.by_length, 1 / unit), share, power);
    double cost = table.fill(narrow, nullptr, interrupt);
    const std::size_t band = table.band_for(cost);
    if (band > narrow && moves == nullptr) cost = table.fill(band, nullptr, interrupt);
    if (cost > 1e-200 && moves == nullptr) return unit * std::pow(cost, 1 / p);
    Moves found = match_higher_order(a, b, table, share, interrupt);
    // High powers of costs that are small beside the longest bar vanish: then count again, in smaller units.
    const double farthest = largest_of(found);
    if (farthest == 0 || power(farthest / unit) > 1e-200 || unit_for(farthest) >= unit) {
      const double distance = norm_of(found, p);
      if (moves != nullptr) *moves = std::move(found);
      return distance;
    }
    unit = unit_for(farthest);
  }
}

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
