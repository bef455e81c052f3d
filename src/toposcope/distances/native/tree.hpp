// A k-d tree over the bars of a diagram: who is near whom, and who is near enough to be worth its price.
//
// Nodes stand in preorder, so a walk is one loop: into a node is the next one, past it is a jump.
// Read: Bentley, "Multidimensional binary search trees" (1975); Kerber, Morozov, Nigmetov, "Geometry helps to compare
// persistence diagrams" (2017), who keep the weights of an auction in the nodes.
#pragma once

#include <numeric>

#include "common.hpp"

namespace toposcope {

class Tree {
 public:
  struct Node {
    Bar low;  // corners of the box around its bars
    Bar high;
    Index begin;
    Index end;
    Index past;  // the node after the last one inside this one
  };

  // Sorts the bars into the order of the leaves; `order` says where each one stood.
  Tree(std::vector<Bar>& bars, std::vector<Index>& order) {
    order.resize(bars.size());
    std::iota(order.begin(), order.end(), Index{0});
    if (!bars.empty()) divide(bars, order, 0, static_cast<Index>(bars.size()));
    std::vector<Bar> sorted;
    sorted.reserve(bars.size());
    for (const Index row : order) sorted.push_back(bars[row]);
    bars = std::move(sorted);
  }

  const std::vector<Node>& nodes() const { return nodes_; }
  bool is_leaf(std::size_t n) const { return nodes_[n].past == n + 1; }

  // Visits the bars of every leaf that can be reached through nodes that `enter` lets in, by their number.
  template <class Enter, class Visit>
  void walk(Enter enter, Visit visit) const {
    for (std::size_t n = 0; n < nodes_.size();) {
      const Node& node = nodes_[n];
      if (!enter(n)) {
        n = node.past;
        continue;
      }
      if (node.past == n + 1)
        for (Index k = node.begin; k < node.end; ++k) visit(k);
      ++n;
    }
  }

  // The largest of a value per bar below every node.
  void tops(const std::vector<double>& values, std::vector<double>& tops) const {
    tops.resize(nodes_.size());
    for (std::size_t n = nodes_.size(); n-- > 0;) {
      const Node& node = nodes_[n];
      if (is_leaf(n))
        tops[n] = *std::max_element(values.begin() + node.begin, values.begin() + node.end);
      else
        tops[n] = std::max(tops[n + 1], tops[nodes_[n + 1].past]);
    }
  }

 private:
  static constexpr Index leaf_size = 8;

  void divide(const std::vector<Bar>& bars, std::vector<Index>& order, Index begin, Index end) {
    const std::size_t n = nodes_.size();
    Node node{bars[order[begin]], bars[order[begin]], begin, end, 0};
    for (Index k = begin; k < end; ++k) {
      const Bar bar = bars[order[k]];
      node.low = {std::min(node.low.birth, bar.birth), std::min(node.low.death, bar.death)};
      node.high = {std::max(node.high.birth, bar.birth), std::max(node.high.death, bar.death)};
    }
    nodes_.push_back(node);
    if (end - begin > leaf_size) {
      const bool by_birth = node.high.birth - node.low.birth > node.high.death - node.low.death;
      const auto before = [&](Index x, Index y) {
        const double left = by_birth ? bars[x].birth : bars[x].death, right = by_birth ? bars[y].birth : bars[y].death;
        return left < right || (left == right && x < y);
      };
      const Index middle = begin + (end - begin) / 2;
      std::nth_element(order.begin() + begin, order.begin() + middle, order.begin() + end, before);
      divide(bars, order, begin, middle);
      divide(bars, order, middle, end);
    }
    nodes_[n].past = static_cast<Index>(nodes_.size());
  }

  std::vector<Node> nodes_;
};

// How far a bar is from another, and from a box, in units.
template <Ground ground>
double distance(Bar a, Bar b, double per_unit = 1) {
  return norm<ground>(std::abs(a.birth - b.birth) * per_unit, std::abs(a.death - b.death) * per_unit);
}

template <Ground ground>
double distance(Bar a, const Tree::Node& box, double per_unit = 1) {
  const auto beyond = [](double x, double low, double high) { return std::max(std::max(low - x, x - high), 0.0); };
  return norm<ground>(beyond(a.birth, box.low.birth, box.high.birth) * per_unit,
                      beyond(a.death, box.low.death, box.high.death) * per_unit);
}

// The same where squares could over- or underflow.
template <Ground ground>
double exact_distance(Bar a, Bar b) {
  if constexpr (ground == Ground::two) return std::hypot(a.birth - b.birth, a.death - b.death);
  return distance<ground>(a, b);
}

}  // namespace toposcope
