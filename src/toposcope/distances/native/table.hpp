// Higher orders on a line, by a table.
//
// f(i, j), the least cost of the first i bars of a and j of b, is the least of f(i-1, j-1) + |a_i - b_j|^p,
// f(i-1, j) + price and f(i, j-1) + price. It is filled along antidiagonals, whose entries don't depend on each other,
// and only as far from the main diagonal as the prices of the bars left out allow.
#pragma once

#include "line.hpp"

namespace toposcope {
namespace line {

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

}  // namespace line
}  // namespace toposcope
