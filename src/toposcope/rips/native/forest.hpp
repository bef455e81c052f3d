// Degree 0: the components of the graph as edges come in, and the spanning forest that joins them.
#pragma once

#include <algorithm>
#include <numeric>
#include <utility>

#include "common.hpp"

namespace toposcope {

// Disjoint sets with path halving and union by size.
class Components {
 public:
  explicit Components(std::size_t n) : parent_(n), size_(n, 1), lowest_(n) {
    std::iota(parent_.begin(), parent_.end(), Vertex{0});
    std::iota(lowest_.begin(), lowest_.end(), Vertex{0});
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
    lowest_[x] = std::min(lowest_[x], lowest_[y]);
    return true;
  }

  // The vertex by which a component goes. All are born at 0; of two that meet, the one that goes by the higher dies.
  Vertex lowest(Vertex v) { return lowest_[find(v)]; }

 private:
  std::vector<Vertex> parent_;
  std::vector<Vertex> size_;
  std::vector<Vertex> lowest_;
};

// The minimum spanning forest of a dense matrix, edges in the total order (Prim 1957: one row at a time, no sorting of
// all edges). Edges above `limit` do not exist.
template <class Length>
std::vector<Edge> spanning_forest(const Distances<Length>& distances, Length limit, Interrupt& interrupt) {
  const std::size_t n = distances.n;
  const Length never = std::numeric_limits<Length>::infinity();
  std::vector<Length> gap(n, never);  // from every vertex outside to the tree
  std::vector<Vertex> nearest(n, no_vertex);
  std::vector<Vertex> outside(n);
  std::iota(outside.begin(), outside.end(), Vertex{0});
  std::vector<Edge> forest;
  Vertex joined = no_vertex;
  while (!outside.empty()) {
    interrupt.check();
    std::size_t best = 0;
    for (std::size_t k = 0; k < outside.size(); ++k) {
      const Vertex v = outside[k];
      if (joined != no_vertex) {
        const Length length = distances(joined, v);
        if (length < gap[v] || (length == gap[v] && nearest[v] != no_vertex &&
                                index_of(edge_of(joined, v)) < index_of(edge_of(nearest[v], v)))) {
          gap[v] = length;
          nearest[v] = joined;
        }
      }
      const Vertex u = outside[best];
      if (gap[v] < gap[u] || (gap[v] == gap[u] && nearest[v] != no_vertex &&
                              (nearest[u] == no_vertex ||
                               index_of(edge_of(nearest[v], v)) < index_of(edge_of(nearest[u], u)))))
        best = k;
    }
    joined = outside[best];
    if (nearest[joined] != no_vertex && gap[joined] <= limit)
      forest.push_back(edge_of(nearest[joined], joined));
    else
      // Nothing reaches the tree any more: another one starts here.
      for (const Vertex v : outside) {
        gap[v] = never;
        nearest[v] = no_vertex;
      }
    outside[best] = outside.back();
    outside.pop_back();
  }
  std::sort(forest.begin(), forest.end(), [&](Edge left, Edge right) { return distances.earlier(left, right); });
  return forest;
}

// The minimum spanning forest of a list of edges in order of length: positions in the list (Kruskal 1956). The forest
// of a graph lies in the union of the forests of its parts, which is how blocks of a large cloud are put together.
inline std::vector<std::size_t> spanning_forest(std::size_t n, const std::int64_t* ends, std::size_t edges) {
  Components components(n);
  std::vector<std::size_t> forest;
  for (std::size_t k = 0; k < edges; ++k)
    if (components.join(static_cast<Vertex>(ends[2 * k]), static_cast<Vertex>(ends[2 * k + 1]))) forest.push_back(k);
  return forest;
}

}  // namespace toposcope
