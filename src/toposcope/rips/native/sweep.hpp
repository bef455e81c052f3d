// The sweep over all edges in order: what each one does to homology, read off its lune.
//
// Order the edges totally by (length, index) and add them one by one, each with every simplex whose last edge it is. An
// edge ab brings the cone over its lune complex Λ, the flag complex of the edges so far on the vertices joined to both a
// and b, glued along its suspension. Hence H_k(after, before) = reduced H_{k-2}(Λ):
//   Λ empty             one component dies, or one loop is born;
//   Λ of c components   c - 1 events, each a loop that dies or a void that is born;
//   Λ a cone            nothing, in any degree.
// Nearly all edges do nothing, so the work is to see that quickly (loops.hpp); what is left is small algebra.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <thread>

#include "edge_annotation.hpp"
#include "forest.hpp"
#include "windows.hpp"

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
  std::vector<Edge> merges;  // the spanning forest in order
  Counts counts;
  Length longest;  // where the sweep could have ended at the latest
};

struct Request {
  int max_degree = 1;  // 0, 1 or 2
  double threshold = std::numeric_limits<double>::infinity();
  unsigned threads = 1;
  bool to_the_end = false;  // sweep over all edges, for the sake of the counts
  std::size_t window_edges = 0;  // 0: chosen by the size
};

// An edge whose lune is empty or not connected.
struct Event {
  Edge edge;
  std::uint32_t first_root;
  std::uint32_t roots;  // 0: the lune is empty
};

struct Events {
  std::vector<Event> list;
  std::vector<Vertex> roots;  // the lowest vertex of every component of a lune, ascending

  void clear() {
    list.clear();
    roots.clear();
  }
};

// Scratch sets of one thread.
struct Scratch {
  explicit Scratch(std::size_t words) : lune(words), rest(words), component(words) {}
  std::vector<Word> lune, rest, component;
};

// The lowest vertex of every component of `set`, ascending. `rest` and `component` are scratch.
inline void append_components(const Graph& graph, const Word* set, Word* rest, Word* component,
                              std::vector<Vertex>& roots) {
  const std::size_t words = graph.words();
  std::copy(set, set + words, rest);
  for (Vertex root = lowest(rest, words); root != no_vertex; root = lowest(rest, words)) {
    roots.push_back(root);
    std::vector<Vertex> frontier{root};
    erase(rest, root);
    while (!frontier.empty()) {
      const Word* neighbours = graph.row(frontier.back());
      frontier.pop_back();
      for (std::size_t w = 0; w < words; ++w) component[w] = neighbours[w] & rest[w];
      for (std::size_t w = 0; w < words; ++w) rest[w] &= ~component[w];
      for_each(component, words, [&](Vertex v) { frontier.push_back(v); });
    }
  }
}

// Adds a run of sorted edges to the graph and notes those whose lune is empty or not connected.
inline void sweep_run(const SortedEdge* edges, std::size_t begin, std::size_t end, Graph& graph,
                      const Instructions& instructions, Scratch& scratch, Events& events) {
  for (std::size_t at = begin;; ++at) {
    at = instructions.next_split(edges, at, end, graph.data(), graph.words(), scratch.lune.data(),
                                 scratch.rest.data());
    if (at == end) return;
    const Edge e = edge_in(edges[at]);
    const std::size_t first = events.roots.size();
    append_components(graph, scratch.lune.data(), scratch.rest.data(), scratch.component.data(), events.roots);
    events.list.push_back({e, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(events.roots.size() - first)});
    graph.add(e);
  }
}

// The algebra of a sweep up to degree 1: takes events in order, keeps what lives, writes bars.
template <class Length>
class Algebra {
 public:
  Algebra(const Distances<Length>& distances, const Instructions& instructions, int max_degree, Diagram<Length>& diagram)
      : distances_(distances), max_degree_(max_degree), diagram_(diagram), components_(distances.n),
        loops_(distances, instructions) {}

  void take(const Events& events) {
    for (const Event& event : events.list) take(event, events.roots.data() + event.first_root);
  }

  // Whether a later edge could only matter by an empty lune.
  bool at_rest() { return loops_.classes().living_count() == 0; }

  const EdgeAnnotation<Length>& loops() const { return loops_; }

  // Writes the bars of what lives for ever.
  void finish() {
    const Length never = std::numeric_limits<Length>::infinity();
    for (std::size_t k = 0; k < components_.count(); ++k)
      diagram_.bars[0].push_back({0, never, {no_vertex, no_vertex, no_vertex}, nothing});
    for (Class c = 0; c < loops_.classes().size(); ++c) {
      if (!loops_.classes().is_living(c)) continue;
      const Edge e = loops_.birth_edge(c);
      diagram_.bars[1].push_back({distances_.length(e), never, {e.a, e.b, no_vertex}, nothing});
    }
  }

 private:
  static constexpr std::array<Vertex, 4> nothing{no_vertex, no_vertex, no_vertex, no_vertex};

  void take(const Event& event, const Vertex* roots) {
    if (event.roots == 0)
      take_empty_lune(event.edge);
    else if (!at_rest() || max_degree_ > 1)
      take_split_lune(event.edge, roots, event.roots);
  }

  void take_empty_lune(Edge e) {
    ++diagram_.counts.empty_lunes;
    if (components_.join(e.a, e.b)) {
      loops_.add_tree_edge(e);
      diagram_.merges.push_back(e);
      ++diagram_.counts.deaths[0];
      const Length length = distances_.length(e);
      if (length > 0)
        diagram_.bars[0].push_back({0, length, {no_vertex, no_vertex, no_vertex}, {e.a, e.b, no_vertex, no_vertex}});
    } else {
      loops_.open(e);
      ++diagram_.counts.births[1];
    }
  }

  // Each component but the first closes a loop a-r-b-r', r and r' their lowest vertices.
  void take_split_lune(Edge e, const Vertex* roots, std::size_t count) {
    diagram_.counts.extra_components += count - 1;
    loops_.forget_beyond(1u << 22);
    first_.clear();
    loops_.add_edge(edge_of(e.a, roots[0]), first_);
    loops_.add_edge(edge_of(e.b, roots[0]), first_);
    for (std::size_t k = 1; k < count; ++k) {
      sum_ = first_;
      loops_.add_edge(edge_of(e.a, roots[k]), sum_);
      loops_.add_edge(edge_of(e.b, roots[k]), sum_);
      loops_.classes().update(sum_);
      if (sum_.empty()) {
        ++diagram_.counts.births[2];
        continue;
      }
      const Class c = loops_.classes().close(sum_);
      ++diagram_.counts.deaths[1];
      const Edge birth = loops_.birth_edge(c);
      const Length born = distances_.length(birth);
      const Length died = distances_.length(e);
      if (born < died)
        diagram_.bars[1].push_back({born, died, {birth.a, birth.b, no_vertex}, {e.a, e.b, roots[k], no_vertex}});
      loops_.classes().update(first_);
    }
  }

  const Distances<Length>& distances_;
  const int max_degree_;
  Diagram<Length>& diagram_;
  Components components_;
  EdgeAnnotation<Length> loops_;
  Combination first_;
  Combination sum_;
};

// The certificate that ends a sweep early: every edge not in the graph yet, and not above `longest`, has a non-empty lune
// when it comes. Rows before `row` are settled for good, for what is true of all later edges stays true as edges come in.
// If an edge fails, `last_empty` is its length: the sweep has to go on at least that far.
//
// The lune of ab holds a vertex if b lies in N[c] for a neighbour c of a: the second neighbourhood of a is gathered until
// it holds everything, which takes a few neighbours and settles a whole row of edges at once. What it never holds (a is
// far from everything) is looked up in the matrix.
template <class Length>
bool later_lunes_hold_a_vertex(const EdgeAnnotation<Length>& loops, const Distances<Length>& distances,
                               const Graph& graph, const Instructions& instructions, Length longest,
                               Scratch& scratch, Vertex& row, Length& last_empty) {
  const std::size_t words = graph.words();
  const std::size_t n = distances.n;
  for (Vertex& a = row; a + 1 < n; ++a) {
    Word* open = scratch.rest.data();
    const Word* near = graph.row(a);
    Word any = 0;
    for (std::size_t w = 0; w < words; ++w) {
      const std::size_t start = w * word_bits;
      Word columns = start >= n ? 0 : n - start >= word_bits ? ~Word{0} : (Word{1} << (n - start)) - 1;
      if (start + word_bits <= a + 1)
        columns = 0;
      else if (start <= a)
        columns &= ~Word{0} << (a + 1 - start);
      any |= open[w] = columns & ~near[w];
    }
    if (!any || instructions.reaches_all_in_two(graph.data(), words, near, open)) continue;
    for (Vertex b = lowest(open, words); b != no_vertex; erase(open, b), b = lowest(open, words)) {
      if (distances(a, b) > longest || loops.apex({a, b}) != no_vertex) continue;
      last_empty = distances(a, b);
      return false;
    }
  }
  return true;
}

// Exact persistent homology over Z/2 of the Vietoris–Rips filtration, up to degree 1.
template <class Length>
Diagram<Length> rips(const Distances<Length>& distances, const Request& request, const Instructions& instructions,
                     Interrupt& interrupt) {
  const std::size_t n = distances.n;
  Diagram<Length> diagram;
  Algebra<Length> algebra(distances, instructions, request.max_degree, diagram);
  diagram.longest = n < 2 ? Length{0} : longest_edge(distances, request.threshold);
  if (n >= 2) {
    interrupt.check();
    Graph graph(n);
    Scratch scratch(graph.words());
    Window<Length> window;
    Events events;
    const std::size_t edges = n * (n - 1) / 2;
    const std::size_t each = request.window_edges ? request.window_edges : std::max<std::size_t>(1 << 14, edges / 32);
    Length low = -1;
    Vertex settled = 0;
    Length last_empty = -1;
    bool done = false;
    for (const Length high : window_ends(distances, diagram.longest, each)) {
      interrupt.check();
      window.collect(distances, instructions, low, high);
      const std::vector<SortedEdge>& sorted = window.edges();
      constexpr std::size_t run = 1 << 14;
      for (std::size_t begin = 0; begin < sorted.size() && !done; begin += run) {
        const std::size_t end = std::min(sorted.size(), begin + run);
        events.clear();
        sweep_run(sorted.data(), begin, end, graph, instructions, scratch, events);
        diagram.counts.edges += end - begin;
        algebra.take(events);
        interrupt.check();
        done = !request.to_the_end && request.max_degree < 2 && algebra.at_rest() &&
               distances.length(edge_in(sorted[end - 1])) >= last_empty &&
               later_lunes_hold_a_vertex(algebra.loops(), distances, graph, instructions, diagram.longest, scratch, settled, last_empty);
      }
      if (done) break;
      low = high;
    }
  }
  algebra.finish();
  return diagram;
}

}  // namespace toposcope
