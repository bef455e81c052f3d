// The cheapest assignment of two sides to each other or to the diagonal, over the edges it was given.
//
// Everybody of either side ends with a partner of the other, or on the diagonal for a price of their own. The dual
// problem gives each a potential: at most that price, and together at most the cost of every edge. A matching is
// optimal once its edges are tight and those on the diagonal are at their price. So the diagonal is a bound, not a
// vertex. Whoever is free looks for a partner along tight edges, shortest augmenting path by shortest augmenting path,
// and no search goes further than that one's way to the diagonal. The two sides are alike: what is written for one
// serves the other.
//
// Read: Kuhn 1955; Edmonds and Karp 1972; Jonker and Volgenant, "A shortest augmenting path algorithm for dense and
// sparse linear assignment problems" (1987), whose reduction of rows this starts with.
#pragma once

#include <queue>
#include <utility>

#include "common.hpp"

namespace toposcope {

struct Edge {
  Index a;
  Index b;
  double cost;
};

struct Side {
  std::vector<double> price;      // of the diagonal
  std::vector<double> potential;
  std::vector<Index> partner;     // one of the other side, the_diagonal, or nobody
  std::vector<Index> first;       // arcs of k: first[k] to first[k + 1]
  struct Arc {
    Index to;
    double cost;
  };
  std::vector<Arc> arcs;

  explicit Side(std::vector<double> prices)
      : price(std::move(prices)), potential(price.size(), 0), partner(price.size(), nobody), first(price.size() + 1) {}

  std::size_t size() const { return price.size(); }
};

class Assignment {
 public:
  Assignment(std::vector<double> prices_a, std::vector<double> prices_b)
      : a_(std::move(prices_a)), b_(std::move(prices_b)), search_a_(a_.size()), search_b_(b_.size()) {}

  const Side& a() const { return a_; }
  const Side& b() const { return b_; }

  // Takes more edges in. Where one is cheaper than the potentials of its ends, a's is lowered and who is no longer
  // content is free again. False if there was none that was not known already.
  bool add(const std::vector<Edge>& edges) {
    const std::size_t before = edges_.size();
    for (const Edge& edge : edges)
      if (!is_known(edge)) edges_.push_back(edge);
    if (edges_.size() == before) return false;
    write_arcs();
    if (before == 0) {
      start();
      return true;
    }
    for (std::size_t k = before; k < edges_.size(); ++k) {
      const Edge& edge = edges_[k];
      const double most = edge.cost - b_.potential[edge.b];
      if (a_.potential[edge.a] <= most) continue;
      a_.potential[edge.a] = most;
      const Index left = std::exchange(a_.partner[edge.a], nobody);
      if (left < the_diagonal) b_.partner[left] = nobody;
    }
    return true;
  }

  // Leaves nobody free.
  void solve(Interrupt& interrupt) {
    for (int pass = 0; pass < 2; ++pass) {
      bid(a_, b_);
      bid(b_, a_);
    }
    for (Index k = 0; k < a_.size(); ++k)
      if (a_.partner[k] == nobody) augment(a_, b_, search_a_, search_b_, k, interrupt);
    for (Index k = 0; k < b_.size(); ++k)
      if (b_.partner[k] == nobody) augment(b_, a_, search_b_, search_a_, k, interrupt);
  }

 private:
  // What a search knows of one side. Stamps spare clearing.
  struct Search {
    std::vector<double> distance;
    std::vector<Index> from;
    std::vector<std::uint32_t> stamp;
    std::vector<Index> settled;
    std::uint32_t now = 0;

    explicit Search(std::size_t n) : distance(n), from(n), stamp(n, 0) {}
    void begin() {
      ++now;
      settled.clear();
    }
    bool knows(Index k) const { return stamp[k] == now; }
  };

  bool is_known(const Edge& edge) const {
    if (edges_.empty()) return false;
    for (Index k = a_.first[edge.a]; k < a_.first[edge.a + 1]; ++k)
      if (a_.arcs[k].to == edge.b) return true;
    return false;
  }

  void write_arcs() {
    const auto write = [this](Side& side, auto end_of, auto other_end_of) {
      std::fill(side.first.begin(), side.first.end(), Index{0});
      for (const Edge& edge : edges_) ++side.first[end_of(edge)];
      Index sum = 0;
      for (Index& first : side.first) sum += std::exchange(first, sum);
      side.arcs.resize(edges_.size());
      for (const Edge& edge : edges_) side.arcs[side.first[end_of(edge)]++] = {other_end_of(edge), edge.cost};
      for (std::size_t k = side.first.size(); k-- > 1;) side.first[k] = side.first[k - 1];
      side.first[0] = 0;
    };
    const auto end_a = [](const Edge& edge) { return edge.a; };
    const auto end_b = [](const Edge& edge) { return edge.b; };
    write(a_, end_a, end_b);
    write(b_, end_b, end_a);
  }

  // Potentials that are the nearest way out; pairs that are tight at once.
  void start() {
    const auto reduce = [](Side& side, const Side& other) {
      for (Index k = 0; k < side.size(); ++k) {
        double least = side.price[k];
        for (Index arc = side.first[k]; arc < side.first[k + 1]; ++arc)
          least = std::min(least, side.arcs[arc].cost - other.potential[side.arcs[arc].to]);
        side.potential[k] = least;
      }
    };
    reduce(b_, a_);
    reduce(a_, b_);
  }

  // Everyone free takes the best offer and leaves it as much dearer as the second best is worse; who had it before is
  // free again (augmenting row reduction).
  static void bid(Side& from, Side& to) {
    for (Index k = 0; k < from.size(); ++k) {
      if (from.partner[k] != nobody) continue;
      double best = from.price[k], second = infinity;
      Index choice = the_diagonal;
      for (Index arc = from.first[k]; arc < from.first[k + 1]; ++arc) {
        const double offer = from.arcs[arc].cost - to.potential[from.arcs[arc].to];
        if (offer < best) {
          second = best;
          best = offer;
          choice = from.arcs[arc].to;
        } else if (offer < second) {
          second = offer;
        }
      }
      from.partner[k] = choice;
      if (choice == the_diagonal) {
        from.potential[k] = from.price[k];
        continue;
      }
      from.potential[k] = second;
      to.potential[choice] -= second - best;
      const Index left = std::exchange(to.partner[choice], k);
      if (left < the_diagonal) from.partner[left] = nobody;
    }
  }

  // Dijkstra from `start` over reduced costs: to someone of the other side who is free or on the diagonal, or to someone
  // of this side who had better go there. Potentials move by what the search went past, so that its path is tight.
  void augment(Side& from, Side& to, Search& here, Search& there, Index start, Interrupt& interrupt) {
    interrupt.check();
    here.begin();
    there.begin();
    queue_.clear();
    double bound = infinity;  // the shortest way out so far: by way of `last`, to `out`
    Index last = nobody, out = nobody;
    const auto settle = [&](Index k, double distance) {
      here.distance[k] = distance;
      here.settled.push_back(k);
      const double exit = distance + std::max(from.price[k] - from.potential[k], 0.0);
      if (exit < bound) {
        bound = exit;
        last = k;
        out = the_diagonal;
      }
      const double base = distance - from.potential[k];
      for (Index arc = from.first[k]; arc < from.first[k + 1]; ++arc) {
        const Index other = from.arcs[arc].to;
        const double reached = std::max(base + (from.arcs[arc].cost - to.potential[other]), distance);
        if (reached >= bound || (there.knows(other) && there.distance[other] <= reached)) continue;
        there.stamp[other] = there.now;
        there.distance[other] = reached;
        there.from[other] = k;
        if (to.partner[other] >= the_diagonal) {
          bound = reached;
          last = k;
          out = other;
        } else {
          queue_.push_back({reached, other});
          std::push_heap(queue_.begin(), queue_.end(), later);
        }
      }
    };
    settle(start, 0);
    while (!queue_.empty() && queue_.front().first < bound) {
      const auto [distance, other] = queue_.front();
      std::pop_heap(queue_.begin(), queue_.end(), later);
      queue_.pop_back();
      if (distance > there.distance[other]) continue;
      there.settled.push_back(other);
      settle(to.partner[other], distance);
    }
    for (const Index k : here.settled)
      from.potential[k] = std::min(from.potential[k] + (bound - here.distance[k]), from.price[k]);
    for (const Index k : there.settled) to.potential[k] -= bound - there.distance[k];

    // Along the path backwards everyone takes the next one's partner.
    Index k = last, taken = out;
    if (taken != the_diagonal) to.partner[taken] = k;
    if (taken == the_diagonal) from.potential[k] = from.price[k];
    for (;;) {
      const Index left = std::exchange(from.partner[k], taken);
      if (k == start) return;
      taken = left;
      k = there.from[taken];
      to.partner[taken] = k;
    }
  }

  using Entry = std::pair<double, Index>;
  static bool later(const Entry& x, const Entry& y) { return x > y; }

  Side a_;
  Side b_;
  std::vector<Edge> edges_;
  Search search_a_;
  Search search_b_;
  std::vector<Entry> queue_;
};

}  // namespace toposcope
