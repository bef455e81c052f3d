// The algebra of a sweep: takes the edges whose lune is not simple in order, keeps the classes that live, writes bars.
#pragma once

#include "diagram.hpp"
#include "lune.hpp"
#include "triangle_annotation.hpp"

namespace toposcope {

// An edge whose lune is not simple, in vertices.
struct Event {
  Edge edge;
  std::uint32_t first_root;
  std::uint32_t roots;  // components of the lune; 0: it is empty
  std::uint32_t first_loop;
  std::uint32_t loops;  // that generate H1 of the lune, if it was asked for
};

struct Events {
  std::vector<Event> list;
  std::vector<Vertex> roots;  // of every component of a lune the vertex nearest to the middle, outward
  Loops loops;

  // Turns the places behind an event, just found, into vertices.
  void name_vertices(const Event& event, const Places& places) {
    for (std::size_t k = event.first_root; k < roots.size(); ++k) roots[k] = places.vertex_at[roots[k]];
    const std::size_t first = event.first_loop == 0 ? 0 : loops.ends[event.first_loop - 1];
    for (std::size_t k = first; k < loops.vertices.size(); ++k) loops.vertices[k] = places.vertex_at[loops.vertices[k]];
  }

  void clear() {
    list.clear();
    roots.clear();
    loops.clear();
  }
};

// The algebra of a sweep: takes events in order, keeps what lives, writes bars.
template <class Length>
class Algebra {
 public:
  // The graph holds the edges of all events that are taken, and may hold later ones.
  Algebra(const Distances<Length>& distances, const Places& places, const Graph& graph, const Request& request,
          Diagram<Length>& diagram)
      : distances_(distances), max_degree_(request.max_degree), all_(request.to_the_end), diagram_(diagram),
        components_(distances.n), loops_(distances, places, graph), voids_(distances, loops_) {}

  void take(const Events& events, Interrupt& interrupt) {
    for (const Event& event : events.list) {
      interrupt.check();
      if (event.roots == 0) take_empty_lune(event.edge);
      if (event.roots > 1) take_split_lune(event.edge, events.roots.data() + event.first_root, event.roots);
      for (std::uint32_t k = 0; k < event.loops; ++k) take_loop(event.edge, events.loops, event.first_loop + k);
    }
  }

  std::size_t living_loops() const { return loops_.classes().living_count(); }
  std::size_t living_voids() const { return voids_.classes().living_count(); }

  // Writes the bars of what lives for ever.
  void finish() {
    const Length never = std::numeric_limits<Length>::infinity();
    write_components(components_, distances_.n, diagram_);
    for (Class c = 0; c < loops_.classes().size(); ++c)
      if (loops_.classes().is_living(c)) write_loop(c, never, nothing);
    for (Class c = 0; c < voids_.classes().size(); ++c)
      if (voids_.classes().is_living(c)) write_void(c, never, nothing);
  }

 private:
  // Entries of a table of unfolded simplices beyond which it is emptied between two relations.
  static constexpr std::size_t most_triangles = std::size_t{1} << 20;
  std::size_t most_edges() const { return std::max<std::size_t>(1 << 16, distances_.n * distances_.n / 64); }

  void take_empty_lune(Edge e) {
    ++diagram_.counts.empty_lunes;
    if (merge(components_, e, distances_.length(e), diagram_)) {
      loops_.add_tree_edge(e);
    } else {
      loops_.open(e);
      ++diagram_.counts.births[1];
    }
  }

  // Each component but the first closes a loop a-r-b-r', r and r' their roots. It kills a loop class, or it was filled
  // already, and then a void is born.
  void take_split_lune(Edge e, const Vertex* roots, std::size_t count) {
    if (max_degree_ < 2 && living_loops() == 0 && !all_) return;
    diagram_.counts.extra_components += count - 1;
    if (max_degree_ > 1) voids_.add_split(e, roots, count);
    loops_.forget_beyond(most_edges());
    first_.clear();
    loops_.add_edge(edge_of(e.a, roots[0]), first_);
    loops_.add_edge(edge_of(e.b, roots[0]), first_);
    for (std::size_t k = 1; k < count; ++k) {
      loops_.classes().update(first_);
      sum_ = first_;
      loops_.add_edge(edge_of(e.a, roots[k]), sum_);
      loops_.add_edge(edge_of(e.b, roots[k]), sum_);
      loops_.classes().update(sum_);
      if (sum_.empty()) {
        ++diagram_.counts.births[2];
        if (max_degree_ > 1) voids_.open(e, roots[k]);
      } else {
        ++diagram_.counts.deaths[1];
        write_loop(loops_.classes().close(sum_), distances_.length(e), {e.a, e.b, roots[k], no_vertex});
      }
    }
  }

  // The suspension of a loop of the lune is a sphere that the edge fills.
  void take_loop(Edge e, const Loops& loops, std::size_t k) {
    ++diagram_.counts.loops;
    if (living_voids() == 0) return;
    voids_.forget_beyond(most_triangles);
    sum_.clear();
    const Vertex* const begin = loops.begin(k);
    const Vertex* const end = loops.end(k);
    for (const Vertex* u = begin; u != end; ++u) {
      const Vertex v = u + 1 == end ? *begin : u[1];
      voids_.add_triangle(triangle_of(e.a, *u, v), sum_);
      voids_.add_triangle(triangle_of(e.b, *u, v), sum_);
    }
    voids_.classes().update(sum_);
    if (sum_.empty()) return;
    ++diagram_.counts.deaths[2];
    write_void(voids_.classes().close(sum_), distances_.length(e), {e.a, e.b, *begin, begin[1]});
  }

  void write_loop(Class c, Length death, std::array<Vertex, 4> death_simplex) {
    const Edge e = loops_.birth_edge(c);
    const Length birth = distances_.length(e);
    if (birth < death) diagram_.bars[1].push_back({birth, death, {e.a, e.b, no_vertex}, death_simplex});
  }

  void write_void(Class c, Length death, std::array<Vertex, 4> death_simplex) {
    const Edge e = voids_.birth_edge(c);
    const Length birth = distances_.length(e);
    if (birth < death) diagram_.bars[2].push_back({birth, death, {e.a, e.b, voids_.birth_root(c)}, death_simplex});
  }

  const Distances<Length>& distances_;
  const int max_degree_;
  const bool all_;  // for the counts
  Diagram<Length>& diagram_;
  Components components_;
  EdgeAnnotation<Length> loops_;
  TriangleAnnotation<Length> voids_;
  Combination first_;
  Combination sum_;
};

}  // namespace toposcope
