// The sliced Wasserstein distance: bars projected onto lines of fixed directions, where matching is sorting.
//
// Each diagram is joined by the other's projections to the diagonal, so both have as many points. On a line the
// diagonal's points keep their order whatever its direction, or reverse it; so a diagram is sorted once a direction, and
// a pair is merged.
//
// Read: Carrière, Cuturi, Oudot, "Sliced Wasserstein kernel for persistence diagrams" (2017).
#pragma once

#include "diagram.hpp"
#include "moves.hpp"

namespace toposcope {

struct Projections {
  std::vector<std::vector<double>> bars;  // a direction: the projections, ascending
  std::vector<double> middles;            // (birth + death) / 2, ascending

  Projections(const Diagram& diagram, std::size_t directions) : bars(directions) {
    for (std::size_t k = 0; k < directions; ++k) {
      bars[k].reserve(diagram.bars.size());
      for (const Bar bar : diagram.bars) bars[k].push_back(bar.birth * cosine(k) + bar.death * sine(k));
      std::sort(bars[k].begin(), bars[k].end());
    }
    for (const Bar bar : diagram.bars) middles.push_back(0.5 * bar.birth + 0.5 * bar.death);
    std::sort(middles.begin(), middles.end());
  }

  double cosine(std::size_t k) const { return std::cos(angle(k)); }
  double sine(std::size_t k) const { return std::sin(angle(k)); }

  // Onto direction k: the bars and another diagram's points on the diagonal, ascending.
  void merged(std::size_t k, const Projections& other, std::vector<double>& out) const {
    const double factor = cosine(k) + sine(k);
    out.clear();
    auto own = bars[k].begin();
    const auto take = [&](double middle) {
      const double at = middle * factor;
      while (own != bars[k].end() && *own <= at) out.push_back(*own++);
      out.push_back(at);
    };
    if (factor >= 0)
      std::for_each(other.middles.begin(), other.middles.end(), take);
    else
      std::for_each(other.middles.rbegin(), other.middles.rend(), take);
    out.insert(out.end(), own, bars[k].end());
  }

 private:
  double angle(std::size_t k) const {
    constexpr double pi = 3.14159265358979323846;
    return (static_cast<double>(k) + 0.5) * pi / static_cast<double>(bars.size());
  }
};

// (mean over directions of W_p^p)^(1/p) of the bars that die.
inline double sliced(const Projections& a, const Projections& b, double p) {
  const double weight = std::pow(1.0 / static_cast<double>(a.bars.size()), 1 / p);
  std::vector<double> x, y, by_direction;
  for (std::size_t k = 0; k < a.bars.size(); ++k) {
    a.merged(k, b, x);
    b.merged(k, a, y);
    for (std::size_t j = 0; j < x.size(); ++j) x[j] = std::abs(x[j] - y[j]);
    by_direction.push_back(weight * norm_of(x, p));
  }
  return norm_of(by_direction, p);
}

}  // namespace toposcope
