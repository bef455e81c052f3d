// A pair of diagrams as costs: which pairs of bars are worth an edge.
//
// Sending both bars to the diagonal is at least as good as a pair with cost(a,b)^p >= cost(a,Δ)^p + cost(b,Δ)^p, so such
// a pair is never needed. Of the others an optimum uses very few, and they are found by their price: solve over the
// nearest pairs, then ask the geometry for pairs that are cheaper than the potentials of their ends, add them, and solve
// on. When there are none, the potentials prove that no pair left out could help (column generation).
//
// Read: Sharathkumar and Agarwal 2012, and U, Yiu, Mouratidis, Mamoulis, "Capacity constrained assignment in spatial
// databases" (2008), for assignments whose edges come from the geometry.
#pragma once

#include "assignment.hpp"
#include "diagram.hpp"

namespace toposcope {

template <Ground ground, class Power>
class Prices {
 public:
  // Lengths are counted in `unit`s, a power of two, so that powers neither overflow nor vanish.
  Prices(const Diagram& a, const Diagram& b, double unit, Power power, Interrupt& interrupt)
      : a_(a), b_(b), per_unit_(1 / unit), power_(power), interrupt_(interrupt),
        most_(4.0 * static_cast<double>(a.bars.size() + b.bars.size() + 1)) {}

  std::vector<double> of_the_diagonal(const Diagram& diagram) const {
    std::vector<double> prices;
    prices.reserve(diagram.bars.size());
    for (const Bar bar : diagram.bars)
      prices.push_back(std::min(power_(to_diagonal(bar, share_of(ground)) * per_unit_), most_));
    return prices;
  }

  // The pairs of each bar with the nearest few of the other diagram, as far as they are worth anything.
  std::vector<Edge> nearest(const std::vector<double>& prices_a, const std::vector<double>& prices_b,
                            std::size_t few) const {
    std::vector<Edge> edges;
    nearest(a_, prices_a, b_, prices_b, few, [&](Index x, Index y, double cost) { edges.push_back({x, y, cost}); });
    nearest(b_, prices_b, a_, prices_a, few, [&](Index y, Index x, double cost) { edges.push_back({x, y, cost}); });
    std::vector<Edge> kept;
    kept.reserve(edges.size());
    std::sort(edges.begin(), edges.end(), by_ends);
    for (const Edge& edge : edges)
      if (kept.empty() || kept.back().a != edge.a || kept.back().b != edge.b) kept.push_back(edge);
    return kept;
  }

  // The pairs that cost less than the potentials of their ends, beyond rounding; of each bar of a the few worst.
  std::vector<Edge> too_cheap(const Side& side_a, const Side& side_b, std::size_t few) const {
    std::vector<Edge> edges;
    std::vector<double> tops;
    b_.tree.tops(side_b.potential, tops);
    std::vector<std::pair<double, Edge>> worst;
    const auto worse = [](const auto& x, const auto& y) { return x.first > y.first; };
    for (Index x = 0; x < a_.bars.size(); ++x) {
      interrupt_.check();
      const double own = side_a.potential[x];
      double least = 0;
      worst.clear();
      b_.tree.walk([&](std::size_t n) { return cost(a_.bars[x], b_.tree.nodes()[n]) < own + tops[n] - least; },
                   [&](Index y) {
                     const double found = cost(a_.bars[x], b_.bars[y]);
                     const double excess = own + side_b.potential[y] - found;
                     if (excess <= least || excess <= slack * (std::abs(own) + std::abs(side_b.potential[y]))) return;
                     if (worst.size() == few) {
                       std::pop_heap(worst.begin(), worst.end(), worse);
                       worst.pop_back();
                     }
                     worst.push_back({excess, {x, y, found}});
                     std::push_heap(worst.begin(), worst.end(), worse);
                     if (worst.size() == few) least = worst.front().first;
                   });
      for (const auto& each : worst) edges.push_back(each.second);
    }
    return edges;
  }

 private:
  static constexpr double slack = 1e-13;

  template <class Place>
  double cost(Bar bar, const Place& other) const {
    return power_(distance<ground>(bar, other, per_unit_));
  }

  static bool by_ends(const Edge& x, const Edge& y) { return x.a < y.a || (x.a == y.a && x.b < y.b); }

  template <class Found>
  void nearest(const Diagram& from, const std::vector<double>& prices, const Diagram& to,
               const std::vector<double>& prices_there, std::size_t few, Found found) const {
    std::vector<double> tops;
    to.tree.tops(prices_there, tops);
    std::vector<std::pair<double, Index>> best;
    for (Index x = 0; x < from.bars.size(); ++x) {
      interrupt_.check();
      const Bar bar = from.bars[x];
      // Bars that follow each other in the tree are neighbours: those near the last one bound those near this one.
      double farthest = best.size() == few ? 0 : infinity;
      if (best.size() == few)
        for (const auto& near : best) farthest = std::max(farthest, cost(bar, to.bars[near.second]));
      farthest = std::nextafter(farthest, infinity);
      best.clear();
      to.tree.walk(
          [&](std::size_t n) {
            const double least = cost(bar, to.tree.nodes()[n]);
            return least < farthest && least < prices[x] + tops[n];
          },
          [&](Index y) {
            const double here = cost(bar, to.bars[y]);
            if (here >= farthest || here >= prices[x] + prices_there[y]) return;
            if (best.size() == few) {
              std::pop_heap(best.begin(), best.end());
              best.pop_back();
            }
            best.push_back({here, y});
            std::push_heap(best.begin(), best.end());
            if (best.size() == few) farthest = best.front().first;
          });
      for (const auto& [here, y] : best) found(x, y, here);
    }
  }

  const Diagram& a_;
  const Diagram& b_;
  const double per_unit_;
  const Power power_;
  Interrupt& interrupt_;
  const double most_;  // a price that no optimum pays, in place of powers that overflow
};

}  // namespace toposcope
