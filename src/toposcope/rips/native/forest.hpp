// Degree 0: the components of the graph as edges come in, and the spanning forest that joins them.
#pragma once

#include <numeric>

#include "common.hpp"

namespace toposcope {

// Disjoint sets with path halving and union by size.
class Components {
 public:
  explicit Components(std::size_t n) : parent_(n), size_(n, 1), count_(n) {
    std::iota(parent_.begin(), parent_.end(), Vertex{0});
  }

  Vertex find(Vertex v) {
    while (parent_[v] != v) v = parent_[v] = parent_[parent_[v]];
    return v;
  }

  // Whether x and y were in different components, which are one from now on.
  bool join(Vertex x, Vertex y) {
    x = find(x);
    y = find(y);
    if (x == y) return false;
    if (size_[x] < size_[y]) std::swap(x, y);
    parent_[y] = x;
    size_[x] += size_[y];
    --count_;
    return true;
  }

  std::size_t count() const { return count_; }

 private:
  std::vector<Vertex> parent_;
  std::vector<Vertex> size_;
  std::size_t count_;
};

}  // namespace toposcope
