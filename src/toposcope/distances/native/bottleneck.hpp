// The bottleneck distance in the plane: the least radius at which every bar farther than it from the diagonal finds a
// partner within it.
//
// The radius starts below the answer and only grows. Bar by bar an alternating path is looked for among the neighbours
// within the radius; where there is none, the bars that were reached show what has to give: the nearest bar outside, or
// the one of them nearest to the diagonal. The radius grows to that, never further, so it ends as one of the candidate
// values, the least that admits a matching. Bars nearer to the diagonal than the radius need no partner, and they are
// most.
//
// Read: Gross 1959 and Derigs and Zimmermann 1978, for bottleneck assignments by augmenting paths; Efrat, Itai, Katz,
// "Geometry helps in bottleneck matching and related problems" (2001), for neighbours found by geometry.
#pragma once

#include "bounds.hpp"

namespace toposcope {

class BottleneckMatching {
 public:
  BottleneckMatching(const Diagram& a, const Diagram& b, Interrupt& interrupt) : a_(a), b_(b), interrupt_(interrupt) {
    // Rounded down, for the bound is rounded too.
    radius_ = difference_of_lengths(a, b, infinity, 0.5) * (1 - 1e-14);
    look_around(a_, b_);
    look_around(b_, a_);
    serve(a_, b_);
    serve(b_, a_);
  }

  Moves moves() const {
    Moves moves;
    for (Index x = 0; x < a_.size(); ++x) {
      const Index y = a_.partner[x];
      if (y == the_diagonal)
        moves.push_back({a_.diagram.rows[x], the_diagonal, a_.exit[x]});
      else
        moves.push_back({a_.diagram.rows[x], b_.diagram.rows[y], distance<Ground::infinity>(a_.bar(x), b_.bar(y))});
    }
    for (Index y = 0; y < b_.size(); ++y)
      if (b_.partner[y] == the_diagonal) moves.push_back({the_diagonal, b_.diagram.rows[y], b_.exit[y]});
    return moves;
  }

 private:
  struct Side {
    const Diagram& diagram;
    std::vector<double> exit;  // distance to the diagonal
    std::vector<Index> partner;
    std::vector<Index> longest_first;
    std::vector<Index> from;            // who of the other side a search came from
    std::vector<std::uint32_t> reached;  // in which search
    std::uint32_t search = 0;

    explicit Side(const Diagram& d)
        : diagram(d), partner(d.bars.size(), the_diagonal), longest_first(d.bars.size()), from(d.bars.size()),
          reached(d.bars.size(), 0) {
      for (const Bar bar : d.bars) exit.push_back(to_diagonal(bar, 0.5));
      std::iota(longest_first.begin(), longest_first.end(), Index{0});
      std::sort(longest_first.begin(), longest_first.end(),
                [this](Index x, Index y) { return exit[x] > exit[y] || (exit[x] == exit[y] && x < y); });
    }
    std::size_t size() const { return exit.size(); }
    Bar bar(Index k) const { return diagram.bars[k]; }
  };

  // Every bar moves at least to the nearest one or to the diagonal.
  void look_around(const Side& here, const Side& there) {
    for (const Index k : here.longest_first) {
      if (here.exit[k] <= radius_) return;
      double nearest = here.exit[k];
      there.diagram.tree.walk(
          [&](std::size_t n) {
            return nearest > radius_ && distance<Ground::infinity>(here.bar(k), there.diagram.tree.nodes()[n]) < nearest;
          },
          [&](Index y) { nearest = std::min(nearest, distance<Ground::infinity>(here.bar(k), there.bar(y))); });
      radius_ = std::max(radius_, nearest);
    }
  }

  void serve(Side& here, Side& there) {
    for (const Index k : here.longest_first) {
      if (here.exit[k] <= radius_) return;
      if (here.partner[k] == the_diagonal) find_partner(here, there, k);
    }
  }

  // An alternating path from `start` to a bar that is not in use, or to one of this side near the diagonal.
  void find_partner(Side& here, Side& there, Index start) {
    ++there.search;
    asked_.assign(1, start);
    for (;;) {
      for (std::size_t next = 0; next < asked_.size(); ++next) {
        interrupt_.check();
        if (here.exit[asked_[next]] <= radius_) return take(here, there, start, asked_[next], the_diagonal);
        const Index free = ask_neighbours(here, there, asked_[next]);
        if (free != nobody) return take(here, there, start, asked_[next], free);
      }
      radius_ = least_that_helps(here, there);
    }
  }

  // Queues the partners of all neighbours that were not reached yet; stops at one that has none.
  Index ask_neighbours(Side& here, Side& there, Index k) {
    Index free = nobody;
    there.diagram.tree.walk(
        [&](std::size_t n) {
          return free == nobody && distance<Ground::infinity>(here.bar(k), there.diagram.tree.nodes()[n]) <= radius_;
        },
        [&](Index y) {
          if (free != nobody || there.reached[y] == there.search) return;
          if (distance<Ground::infinity>(here.bar(k), there.bar(y)) > radius_) return;
          there.reached[y] = there.search;
          there.from[y] = k;
          if (there.partner[y] == the_diagonal)
            free = y;
          else
            asked_.push_back(there.partner[y]);
        });
    return free;
  }

  double least_that_helps(const Side& here, const Side& there) {
    double least = infinity;
    for (const Index k : asked_) {
      interrupt_.check();
      least = std::min(least, here.exit[k]);
      there.diagram.tree.walk(
          [&](std::size_t n) {
            return distance<Ground::infinity>(here.bar(k), there.diagram.tree.nodes()[n]) < least;
          },
          [&](Index y) {
            if (there.reached[y] != there.search)
              least = std::min(least, distance<Ground::infinity>(here.bar(k), there.bar(y)));
          });
    }
    return least;
  }

  // Along the path backwards everyone takes the next one's partner.
  static void take(Side& here, Side& there, Index start, Index k, Index taken) {
    for (;;) {
      if (taken != the_diagonal) there.partner[taken] = k;
      const Index left = here.partner[k];
      here.partner[k] = taken;
      if (k == start) return;
      taken = left;
      k = there.from[taken];
    }
  }

  Side a_;
  Side b_;
  Interrupt& interrupt_;
  double radius_ = 0;
  std::vector<Index> asked_;  // of this side, in the order they were reached
};

}  // namespace toposcope
