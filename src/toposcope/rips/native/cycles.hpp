// A short loop for a class of degree 1, to show which points lie around the hole.
#pragma once

#include "common.hpp"

namespace toposcope {

// The vertices of a loop that is born with the birth edge ab: a path from a to b of earlier edges, which ab closes. Of
// all such paths one with the fewest edges, and among those the shortest.
//
// Such a loop is ab plus older edges, so its class is the one born at ab plus classes born before, and no sum of living
// classes with the youngest of them in it is zero: it is not a boundary as long as the bar lives.
template <class Length>
std::vector<Vertex> shortest_cycle(const Distances<Length>& distances, Edge ab) {
  const double never = std::numeric_limits<double>::infinity();
  const std::size_t n = distances.n;
  std::vector<double> walked(n, never);
  std::vector<Vertex> came_from(n, no_vertex);
  std::vector<Vertex> unseen;
  for (Vertex v = 0; v < n; ++v)
    if (v != ab.a && v != ab.b) unseen.push_back(v);
  std::vector<Vertex> layer{ab.a};
  walked[ab.a] = 0;
  const auto joined = [&](Vertex x, Vertex y) { return distances.earlier(edge_of(x, y), ab); };
  while (!layer.empty()) {
    Vertex last = no_vertex;
    for (const Vertex v : layer)
      if (v != ab.a && joined(v, ab.b) &&
          (last == no_vertex || walked[v] + distances(v, ab.b) < walked[last] + distances(last, ab.b)))
        last = v;
    if (last != no_vertex) {
      std::vector<Vertex> cycle{ab.b};
      for (Vertex v = last; v != no_vertex; v = came_from[v]) cycle.push_back(v);
      return {cycle.rbegin(), cycle.rend()};
    }
    for (const Vertex v : layer) {
      for (const Vertex u : unseen) {
        if (!joined(u, v)) continue;
        const double length = walked[v] + distances(u, v);
        if (length >= walked[u]) continue;
        walked[u] = length;
        came_from[u] = v;
      }
    }
    layer.clear();
    std::size_t kept = 0;
    for (const Vertex u : unseen) {
      if (came_from[u] == no_vertex)
        unseen[kept++] = u;
      else
        layer.push_back(u);
    }
    unseen.resize(kept);
  }
  return {};  // not a birth edge: its ends were not connected
}

}  // namespace toposcope
