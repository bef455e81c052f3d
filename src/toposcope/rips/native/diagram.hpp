// What a computation is asked for and what it gives: bars by their simplices, and counts that check them.
#pragma once

#include <array>

#include "forest.hpp"

namespace toposcope {

// A bar by the simplices that make it. Vertices not in use are no_vertex; no death means an essential class.
template <class Length>
struct Bar {
  Length birth;
  Length death;
  std::array<Vertex, 3> birth_simplex;
  std::array<Vertex, 4> death_simplex;
};

// What the lunes of the edges swept over counted, and what the algebra made of it.
struct Counts {
  std::uint64_t edges = 0;             // swept over
  std::uint64_t empty_lunes = 0;       // = deaths in degree 0 + births in degree 1
  std::uint64_t extra_components = 0;  // Σ (c - 1) = deaths in degree 1 + births in degree 2
  std::uint64_t loops = 0;             // generators of H1 of lunes that were looked at
  std::array<std::uint64_t, 3> births{};
  std::array<std::uint64_t, 3> deaths{};
};

template <class Length>
struct Diagram {
  std::array<std::vector<Bar<Length>>, 3> bars;
  std::vector<Edge> merges;                   // the spanning forest in order
  std::vector<std::vector<Vertex>> cycles;  // of the bars of degree 1, if they were asked for
  Counts counts;
};

constexpr std::array<Vertex, 4> nothing{no_vertex, no_vertex, no_vertex, no_vertex};

// Joins the components of the ends of e, if they are two, and writes the bar of the one that dies; none if it has no
// length. False if they are one.
template <class Length>
bool merge(Components& components, Edge e, Length length, Diagram<Length>& diagram) {
  const Vertex dying = std::max(components.lowest(e.a), components.lowest(e.b));
  if (!components.join(e.a, e.b)) return false;
  diagram.merges.push_back(e);
  ++diagram.counts.deaths[0];
  if (length > 0)
    diagram.bars[0].push_back({0, length, {dying, no_vertex, no_vertex}, {e.a, e.b, no_vertex, no_vertex}});
  return true;
}

// The components that live for ever.
template <class Length>
void write_components(Components& components, std::size_t n, Diagram<Length>& diagram) {
  for (Vertex v = 0; v < n; ++v)
    if (components.lowest(v) == v)
      diagram.bars[0].push_back({0, std::numeric_limits<Length>::infinity(), {v, no_vertex, no_vertex}, nothing});
}

// Debug builds: what the lunes counted is what the algebra did. Two independent roads to the same numbers.
template <class Length>
void check_counts([[maybe_unused]] const Diagram<Length>& diagram, [[maybe_unused]] std::size_t n) {
#ifdef TOPOSCOPE_CHECKS
  const Counts& counts = diagram.counts;
  const auto demand = [](bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
  };
  demand(counts.empty_lunes == counts.deaths[0] + counts.births[1], "empty lunes");
  demand(counts.deaths[0] == diagram.merges.size() && diagram.merges.size() < std::max<std::size_t>(n, 1), "merges");
  demand(counts.extra_components == counts.deaths[1] + counts.births[2], "components of lunes");
  demand(counts.deaths[1] <= counts.births[1] && counts.deaths[2] <= counts.births[2], "deaths");
  demand(diagram.bars[0].size() <= n && diagram.bars[1].size() <= counts.births[1], "bars");
#endif
}

struct Request {
  int max_degree = 1;  // 0, 1 or 2
  double threshold = std::numeric_limits<double>::infinity();
  unsigned threads = 1;
  bool cycles = false;
  bool to_the_end = false;  // sweep over all edges, for the sake of the counts
  std::size_t window_edges = 0;  // 0: chosen by the size
};

}  // namespace toposcope
