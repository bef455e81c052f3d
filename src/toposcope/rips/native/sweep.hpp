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
//
// The files, in reading order: common, bits (vertices, edges, sets), windows (edges in order), loops and instructions
// (the tests of lunes), lune (what an unusual lune looks like), forest (degree 0), classes, edge_annotation (degree 1),
// triangle_annotation (degree 2), cycles, and this one.
//
// Read: Bauer, "Ripser" (2021); de Silva, Morozov, Vejdemo-Johansson, "Dualities in persistent (co)homology" (2011);
// Boissonnat, Dey, Maria, "The compressed annotation matrix" (2015); Koyama, Mémoli, Robins, Turner, "Reduced Rips"
// (arXiv 2307.16333); Kapulkin, Kershaw, "RedZeD" (arXiv 2606.06310).
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <thread>

#include "cycles.hpp"
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
  Algebra(const Distances<Length>& distances, const Instructions& instructions, const Request& request,
          Diagram<Length>& diagram)
      : distances_(distances), max_degree_(request.max_degree), all_(request.to_the_end), diagram_(diagram), components_(distances.n),
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

  // Each component but the first closes a loop a-r-b-r', r and r' their lowest vertices. It kills a loop class, or it
  // was filled already, and then a void is born.
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

// Whether a vertex of `set` has an entry below `length` in a row of the matrix.
template <class Length>
bool any_nearer(const Length* row, Length length, const Word* set, std::size_t words) {
  for (std::size_t w = 0; w < words; ++w)
    for (Word rest = set[w]; rest; rest &= rest - 1)
      if (row[w * word_bits + lowest_bit(rest)] < length) return true;
  return false;
}

// The vertices nearest to v, at most four.
template <class Length>
std::vector<Vertex> nearest_few(const Distances<Length>& distances, Vertex v) {
  constexpr std::size_t few = 4;
  const Length* row = distances.row(v);
  const auto nearer = [row](Vertex x, Vertex y) { return row[x] < row[y]; };
  std::vector<Vertex> nearest;
  Length farthest = std::numeric_limits<Length>::infinity();
  for (Vertex u = 0; u < distances.n; ++u) {
    if (!(row[u] < farthest) || u == v) continue;
    if (nearest.size() == few) nearest.pop_back();
    nearest.insert(std::upper_bound(nearest.begin(), nearest.end(), u, nearer), u);
    if (nearest.size() == few) farthest = row[nearest.back()];
  }
  return nearest;
}

// The lengths of the edges ab, a = part, part + parts, ..., that are not in the graph yet, not above `longest`, and will find their lune empty:
// the relative neighbourhood graph from here on. While no loop lives, nothing else can happen up to degree 1, so this
// list certifies which stretches of the sweep may be skipped, and where it ends.
//
// Row by row. The lune of ab holds a vertex if b lies in N[c] for a neighbour c of a, which a few second neighbourhoods
// tell for most of a row at once; or if one of the vertices nearest to a is nearer to b than a is; or if a neighbour of
// one end is nearer to the other than the ends are to each other. Only what is left is looked up in the matrix.
template <class Length>
std::vector<Length> later_empty_lunes(const EdgeAnnotation<Length>& loops, const Distances<Length>& distances,
                                      const Graph& graph, const Instructions& instructions, Length longest,
                                      LuneExplorer& at_hand, unsigned part, unsigned parts, Interrupt* interrupt) {
  const std::size_t words = graph.words();
  const std::size_t n = distances.n;
  std::vector<Length> lengths;
  Word* open = at_hand.rest.data();
  for (Vertex a = part; a + 1 < n; a += parts) {
    if (interrupt) interrupt->check();
    const Word* near = graph.row(a);
    for (std::size_t w = 0; w < words; ++w) open[w] = columns_from(w, a + 1, n) & ~near[w];
    if (instructions.reaches_all_in_two(graph.data(), words, near, open)) continue;
    const Length* row = distances.row(a);
    for (const Vertex c : nearest_few(distances, a)) instructions.remove_between(row, distances.row(c), row[c], n, open);
    for_each(open, words, [&](Vertex b) {
      const Length length = row[b];
      if (length > longest) return;
      if (any_nearer(row, length, graph.row(b), words) || any_nearer(distances.row(b), length, near, words)) return;
      if (loops.apex({a, b}) == no_vertex) lengths.push_back(length);
    });
  }
  return lengths;
}

// What is known of the rest of a sweep up to degree 1.
template <class Length>
class Outlook {
 public:
  bool is_known() const { return known_; }

  void know(std::vector<Length> empty_lunes) {
    empty_lunes_ = std::move(empty_lunes);
    std::sort(empty_lunes_.begin(), empty_lunes_.end());
    known_ = true;
  }

  // The length of the first edge not shorter than `length` that will find its lune empty; infinity if there is none.
  Length next_empty(Length length) const {
    const auto next = std::lower_bound(empty_lunes_.begin(), empty_lunes_.end(), length);
    return next == empty_lunes_.end() ? std::numeric_limits<Length>::infinity() : *next;
  }

 private:
  bool known_ = false;
  std::vector<Length> empty_lunes_;
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
    Algebra<Length> algebra(distances_, instructions_, request_, diagram);
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
  std::size_t edges_of_a_window() const {
    if (request_.window_edges) return request_.window_edges;
    return std::max<std::size_t>(1 << 16, distances_.n * (distances_.n - 1) / 2 / 32);
  }

  // Whether only empty lunes matter at present.
  bool at_rest(const Algebra<Length>& algebra) const {
    return !request_.to_the_end && request_.max_degree < 2 && algebra.living_loops() == 0;
  }

  // Looks ahead once, when enough edges are in for that to be cheap.
  void look_ahead(const Algebra<Length>& algebra, Worker<Length>& worker, bool enough) {
    if (enough && !outlook_.is_known() && at_rest(algebra))
      outlook_.know(later_empty_lunes(algebra.loops(), distances_, worker.graph, instructions_, longest_,
                                      worker.at_hand, 0, 1, &interrupt_));
  }

  // The same by all workers, whose graphs are equal between two rounds; each takes its share of the rows.
  void look_ahead(const Algebra<Length>& algebra, std::vector<std::unique_ptr<Worker<Length>>>& workers) {
    if (outlook_.is_known() || !at_rest(algebra)) return;
    const unsigned parts = static_cast<unsigned>(workers.size());
    std::vector<std::vector<Length>> found(parts);
    side_by_side(parts, [&](unsigned t) {
      found[t] = later_empty_lunes(algebra.loops(), distances_, workers[0]->graph, instructions_, longest_,
                                   workers[t]->at_hand, t, parts, t == 0 ? &interrupt_ : nullptr);
    });
    for (unsigned t = 1; t < parts; ++t) found[0].insert(found[0].end(), found[t].begin(), found[t].end());
    outlook_.know(std::move(found[0]));
  }

  // Whether nothing can happen after the edges up to this length.
  bool is_over(const Algebra<Length>& algebra, Length length) const {
    return outlook_.is_known() && at_rest(algebra) && std::isinf(outlook_.next_empty(length));
  }

  // The position from `at` on where the sweep has to look at lunes again; edges before it are added unseen.
  std::size_t skip(const std::vector<SortedEdge>& edges, std::size_t at, const Algebra<Length>& algebra,
                   Graph& graph) const {
    if (!outlook_.is_known() || !at_rest(algebra)) return at;
    const Length next = outlook_.next_empty(distances_.length(edge_in(edges[at])));
    for (; at < edges.size() && distances_.length(edge_in(edges[at])) < next; ++at) graph.add(edge_in(edges[at]));
    return at;
  }

  // Loops of lunes matter while a void lives; as long as none does, the first split may bring one.
  Look look_now(const Algebra<Length>& algebra) const {
    if (request_.max_degree < 2) return Look::for_splits;
    return algebra.living_voids() > 0 || request_.to_the_end ? Look::for_loops : Look::for_first_split;
  }

  // Sweeps over the next edges of a window, no more than take a fraction of a second; returns where it ended.
  std::size_t sweep_on(const std::vector<SortedEdge>& edges, std::size_t at, Look look, Worker<Length>& worker) {
    const std::size_t few = look == Look::for_loops ? 256 : 4096;
    return sweep_run(edges, at, std::min(edges.size(), at + few), look, worker.graph, instructions_, worker.at_hand,
                     worker.events);
  }

  void sweep_alone(const std::vector<Length>& ends, Algebra<Length>& algebra, Counts& counts) {
    Worker<Length> worker(distances_.n);
    Length low = -1;
    for (const Length high : ends) {
      worker.window.collect(distances_, instructions_, low, high);
      const std::vector<SortedEdge>& edges = worker.window.edges();
      for (std::size_t at = 0; at < edges.size();) {
        const std::size_t begin = at;
        at = skip(edges, at, algebra, worker.graph);
        if (at < edges.size()) at = sweep_on(edges, at, look_now(algebra), worker);
        counts.edges += at - begin;
        algebra.take(worker.events, interrupt_);
        worker.events.clear();
        interrupt_.check();
        look_ahead(algebra, worker, low >= 0);
        if (at < edges.size() && is_over(algebra, distances_.length(edge_in(edges[at])))) return;
      }
      look_ahead(algebra, worker, true);
      if (is_over(algebra, std::nextafter(high, std::numeric_limits<Length>::infinity()))) return;
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
      const Length high = ends[first + busy - 1];
      look_ahead(algebra, workers);
      if (is_over(algebra, std::nextafter(high, std::numeric_limits<Length>::infinity()))) return;
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
    for (std::size_t at = 0; at < edges.size() && !stop;) {
      at = sweep_on(edges, at, look, worker);
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
  Outlook<Length> outlook_;
};

// Degree 0 alone needs no sweep: the bars are the edges of the spanning forest.
template <class Length>
Diagram<Length> degree_zero(const Distances<Length>& distances, double threshold, Interrupt& interrupt) {
  Diagram<Length> diagram;
  Components components(distances.n);
  for (const Edge e : spanning_forest(distances, at_most<Length>(threshold), interrupt))
    merge(components, e, distances.length(e), diagram);
  diagram.counts.empty_lunes = diagram.merges.size();
  write_components(components, distances.n, diagram);
  return diagram;
}

// Exact persistent homology over Z/2 of the Vietoris–Rips filtration.
template <class Length>
Diagram<Length> rips(const Distances<Length>& distances, const Request& request, const Instructions& instructions,
                     Interrupt& interrupt) {
  if (request.max_degree == 0 && !request.to_the_end) return degree_zero(distances, request.threshold, interrupt);
  Diagram<Length> diagram = Sweep<Length>(distances, request, instructions, interrupt).run();
  check_counts(diagram, distances.n);
  if (request.cycles) {
    for (const Bar<Length>& bar : diagram.bars[1]) {
      interrupt.check();
      diagram.cycles.push_back(shortest_cycle(distances, {bar.birth_simplex[0], bar.birth_simplex[1]}));
    }
  }
  return diagram;
}

}  // namespace toposcope
