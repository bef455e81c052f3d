// The sweep over all edges in order: what each one does to homology, read off its lune.
//
// Order the edges totally by (length, index) and add them one by one, each with every simplex whose last edge it is. An
// edge ab brings the cone over its lune complex Λ, the flag complex of the edges so far on the vertices joined to both a
// and b, glued along its suspension. Hence H_k(after, before) = reduced H_{k-2}(Λ):
//   Λ empty             one component dies, or one loop is born;
//   Λ of c components   c - 1 events, each a loop that dies or a void that is born;
//   Λ with loops        each generator of H1(Λ) is a void that dies or a class of degree 3 that is born;
//   Λ a cone            nothing, in any degree.
// Nearly all edges do nothing, so the work is to see that quickly (loops.hpp); what is left is small algebra.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <thread>

#include "forest.hpp"
#include "lune.hpp"
#include "triangle_annotation.hpp"
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
};

struct Request {
  int max_degree = 1;  // 0, 1 or 2
  double threshold = std::numeric_limits<double>::infinity();
  unsigned threads = 1;
  bool to_the_end = false;  // sweep over all edges, for the sake of the counts
  std::size_t window_edges = 0;  // 0: chosen by the size
};

// An edge whose lune is not simple.
struct Event {
  Edge edge;
  std::uint32_t first_root;
  std::uint32_t roots;  // components of the lune; 0: it is empty
  std::uint32_t first_loop;
  std::uint32_t loops;  // that generate H1 of the lune, if it was asked for
};

struct Events {
  std::vector<Event> list;
  std::vector<Vertex> roots;  // the lowest vertex of every component of a lune, ascending
  Loops loops;

  void clear() {
    list.clear();
    roots.clear();
    loops.clear();
  }
};

enum class Look { for_splits, for_first_split, for_loops };

// Adds a run of sorted edges to the graph and notes those whose lune is not simple. Returns where it ended: `end`, or
// behind the first event when only that was looked for.
inline std::size_t sweep_run(const std::vector<SortedEdge>& edges, std::size_t begin, std::size_t end, Look look,
                             Graph& graph, const Instructions& instructions, LuneExplorer& at_hand, Events& events) {
  const std::size_t words = graph.words();
  for (std::size_t at = begin;; ++at) {
    if (look == Look::for_loops)
      at = instructions.next_loop(edges.data(), at, end, graph.data(), words, at_hand.lune.data(), at_hand.core.data(),
                                  at_hand.pending.data(), at_hand.link.data(), at_hand.rest.data());
    else
      at = instructions.next_split(edges.data(), at, end, graph.data(), words, at_hand.lune.data(), at_hand.rest.data());
    if (at == end) return end;
    Event event{edge_in(edges[at]), static_cast<std::uint32_t>(events.roots.size()), 0,
                static_cast<std::uint32_t>(events.loops.size()), 0};
    if (!is_empty(at_hand.lune.data(), words)) {
      if (look == Look::for_loops) at_hand.append_loops(graph, events.loops);
      at_hand.append_components(graph, at_hand.lune, events.roots);
    }
    event.roots = static_cast<std::uint32_t>(events.roots.size()) - event.first_root;
    event.loops = static_cast<std::uint32_t>(events.loops.size()) - event.first_loop;
    if (event.roots != 1 || event.loops > 0) events.list.push_back(event);
    graph.add(event.edge);
    if (look == Look::for_first_split) return at + 1;
  }
}

// The algebra of a sweep: takes events in order, keeps what lives, writes bars.
template <class Length>
class Algebra {
 public:
  Algebra(const Distances<Length>& distances, const Instructions& instructions, int max_degree, Diagram<Length>& diagram)
      : distances_(distances), max_degree_(max_degree), diagram_(diagram), components_(distances.n),
        loops_(distances, instructions), voids_(distances, loops_) {}

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
  const EdgeAnnotation<Length>& loops() const { return loops_; }

  // Writes the bars of what lives for ever.
  void finish() {
    const Length never = std::numeric_limits<Length>::infinity();
    for (std::size_t k = 0; k < components_.count(); ++k)
      diagram_.bars[0].push_back({0, never, {no_vertex, no_vertex, no_vertex}, nothing});
    for (Class c = 0; c < loops_.classes().size(); ++c)
      if (loops_.classes().is_living(c)) write_loop(c, never, nothing);
    for (Class c = 0; c < voids_.classes().size(); ++c)
      if (voids_.classes().is_living(c)) write_void(c, never, nothing);
  }

 private:
  static constexpr std::array<Vertex, 4> nothing{no_vertex, no_vertex, no_vertex, no_vertex};
  // Entries of a table of unfolded simplices beyond which it is emptied between two relations.
  static constexpr std::size_t most_remembered = std::size_t{1} << 21;

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

  // Each component but the first closes a loop a-r-b-r', r and r' their lowest vertices. It kills a loop class, or it
  // was filled already, and then a void is born.
  void take_split_lune(Edge e, const Vertex* roots, std::size_t count) {
    diagram_.counts.extra_components += count - 1;
    if (max_degree_ < 2 && living_loops() == 0) return;
    if (max_degree_ > 1) voids_.add_split(e, roots, count);
    loops_.forget_beyond(most_remembered);
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
    voids_.forget_beyond(most_remembered);
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
  Diagram<Length>& diagram_;
  Components components_;
  EdgeAnnotation<Length> loops_;
  TriangleAnnotation<Length> voids_;
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
                               LuneExplorer& at_hand, Vertex& row, Length& last_empty) {
  const std::size_t words = graph.words();
  const std::size_t n = distances.n;
  for (Vertex& a = row; a + 1 < n; ++a) {
    Word* open = at_hand.rest.data();
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

// The certificate above, with what it has settled so far.
template <class Length>
class Ending {
 public:
  // Whether nothing can happen any more, up to degree 1, after the edge of this length.
  bool reached(const Algebra<Length>& algebra, const Distances<Length>& distances, const Graph& graph,
               const Instructions& instructions, Length longest, Length now, LuneExplorer& at_hand) {
    return algebra.living_loops() == 0 && now >= last_empty_ &&
           later_lunes_hold_a_vertex(algebra.loops(), distances, graph, instructions, longest, at_hand, settled_,
                                     last_empty_);
  }

 private:
  Vertex settled_ = 0;
  Length last_empty_ = -1;
};

// What one thread works with: its own copy of the graph, a window of edges, and what it found there.
template <class Length>
struct Worker {
  explicit Worker(std::size_t n) : graph(n), at_hand(n) {}

  Graph graph;
  LuneExplorer at_hand;
  Window<Length> window;
  Events events;
};

// Calls work(0), ..., work(threads - 1) side by side, the first on the calling thread, and rethrows what one threw.
template <class Work>
void side_by_side(unsigned threads, Work work) {
  std::vector<std::exception_ptr> failures(threads);
  const auto guarded = [&](unsigned t) {
    try {
      work(t);
    } catch (...) {
      failures[t] = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  std::exception_ptr not_started;
  try {
    for (unsigned t = 1; t < threads; ++t) others.emplace_back(guarded, t);
  } catch (...) {
    not_started = std::current_exception();
  }
  if (!not_started) guarded(0);
  for (std::thread& other : others) other.join();
  if (not_started) std::rethrow_exception(not_started);
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

// One sweep: the loop over windows, alone or with several threads.
template <class Length>
class Sweep {
 public:
  Sweep(const Distances<Length>& distances, const Request& request, const Instructions& instructions,
        Interrupt& interrupt)
      : distances_(distances), request_(request), instructions_(instructions), interrupt_(interrupt) {}

  Diagram<Length> run() {
    const std::size_t n = distances_.n;
    Diagram<Length> diagram;
    Algebra<Length> algebra(distances_, instructions_, request_.max_degree, diagram);
    if (n >= 2) {
      longest_ = request_.to_the_end ? at_most<Length>(request_.threshold)
                                     : longest_edge(distances_, request_.threshold);
      interrupt_.check();
      const std::vector<Length> ends = window_ends(distances_, longest_, edges_of_a_window());
      if (request_.threads > 1 && ends.size() > 1)
        sweep_together(ends, algebra, diagram.counts);
      else
        sweep_alone(ends, algebra, diagram.counts);
    }
    algebra.finish();
    return diagram;
  }

 private:
  static constexpr std::size_t run_edges = 1 << 12;

  std::size_t edges_of_a_window() const {
    if (request_.window_edges) return request_.window_edges;
    return std::max<std::size_t>(1 << 14, distances_.n * (distances_.n - 1) / 2 / 32);
  }

  bool is_over(const Algebra<Length>& algebra, Worker<Length>& worker, Length now) {
    return !request_.to_the_end && request_.max_degree < 2 &&
           ending_.reached(algebra, distances_, worker.graph, instructions_, longest_, now, worker.at_hand);
  }

  void sweep_alone(const std::vector<Length>& ends, Algebra<Length>& algebra, Counts& counts) {
    Worker<Length> worker(distances_.n);
    Length low = -1;
    for (const Length high : ends) {
      worker.window.collect(distances_, instructions_, low, high);
      const std::vector<SortedEdge>& edges = worker.window.edges();
      for (std::size_t at = 0; at < edges.size();) {
        // Loops of lunes matter while a void lives; as long as none does, the first split may bring one.
        const Look look = request_.max_degree < 2 ? Look::for_splits
                          : algebra.living_voids() > 0 || request_.to_the_end ? Look::for_loops
                                                       : Look::for_first_split;
        const std::size_t few = look == Look::for_loops ? run_edges / 16 : run_edges;
        const std::size_t next = sweep_run(edges, at, std::min(edges.size(), at + few), look, worker.graph,
                                           instructions_, worker.at_hand, worker.events);
        counts.edges += next - at;
        at = next;
        algebra.take(worker.events, interrupt_);
        worker.events.clear();
        interrupt_.check();
        if (is_over(algebra, worker, distances_.length(edge_in(edges[at - 1])))) return;
      }
      low = high;
    }
  }

  // Every thread sweeps over a window of its own, in its own copy of the graph, to which the edges of the windows before
  // are added unseen. The algebra then takes the windows in order, so the result does not know how many threads there were.
  void sweep_together(const std::vector<Length>& ends, Algebra<Length>& algebra, Counts& counts) {
    std::vector<std::unique_ptr<Worker<Length>>> workers;
    const unsigned threads = static_cast<unsigned>(std::min<std::size_t>(request_.threads, ends.size()));
    for (unsigned t = 0; t < threads; ++t) workers.push_back(std::make_unique<Worker<Length>>(distances_.n));
    for (std::size_t first = 0; first < ends.size(); first += threads) {
      const unsigned busy = static_cast<unsigned>(std::min<std::size_t>(threads, ends.size() - first));
      std::atomic<bool> stop{false};
      side_by_side(busy, [&](unsigned t) {
        const Length low = first + t == 0 ? Length{-1} : ends[first + t - 1];
        workers[t]->window.collect(distances_, instructions_, low, ends[first + t]);
      });
      interrupt_.check();
      side_by_side(busy, [&](unsigned t) { sweep_window(workers, busy, t, stop); });
      for (unsigned t = 0; t < busy; ++t) {
        counts.edges += workers[t]->window.edges().size();
        algebra.take(workers[t]->events, interrupt_);
        workers[t]->events.clear();
      }
      if (is_over(algebra, *workers[0], ends[first + busy - 1])) return;
    }
  }

  void sweep_window(std::vector<std::unique_ptr<Worker<Length>>>& workers, unsigned busy, unsigned t,
                    std::atomic<bool>& stop) {
    Worker<Length>& worker = *workers[t];
    const auto add_unseen = [&](unsigned other) {
      for (const SortedEdge e : workers[other]->window.edges()) worker.graph.add(edge_in(e));
    };
    for (unsigned before = 0; before < t; ++before) add_unseen(before);
    const std::vector<SortedEdge>& edges = worker.window.edges();
    const Look look = request_.max_degree < 2 ? Look::for_splits : Look::for_loops;
    const std::size_t few = look == Look::for_loops ? run_edges / 16 : run_edges;
    for (std::size_t at = 0; at < edges.size() && !stop;) {
      at = sweep_run(edges, at, std::min(edges.size(), at + few), look, worker.graph, instructions_, worker.at_hand,
                     worker.events);
      if (t != 0) continue;
      try {
        interrupt_.check();
      } catch (...) {
        stop = true;
        throw;
      }
    }
    for (unsigned after = t + 1; after < busy; ++after) add_unseen(after);
  }

  const Distances<Length>& distances_;
  const Request& request_;
  const Instructions& instructions_;
  Interrupt& interrupt_;
  Length longest_ = 0;
  Ending<Length> ending_;
};

// Exact persistent homology over Z/2 of the Vietoris–Rips filtration.
template <class Length>
Diagram<Length> rips(const Distances<Length>& distances, const Request& request, const Instructions& instructions,
                     Interrupt& interrupt) {
  return Sweep<Length>(distances, request, instructions, interrupt).run();
}

}  // namespace toposcope
