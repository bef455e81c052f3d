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
// triangle_annotation (degree 2), diagram, algebra (births and deaths), outlook (where nothing happens), cycles, threads,
// and this one.
//
// Read: Bauer, "Ripser" (2021); de Silva, Morozov, Vejdemo-Johansson, "Dualities in persistent (co)homology" (2011);
// Boissonnat, Dey, Maria, "The compressed annotation matrix" (2015); Koyama, Mémoli, Robins, Turner, "Reduced Rips"
// (arXiv 2307.16333); Kapulkin, Kershaw, "RedZeD" (arXiv 2606.06310).
#pragma once

#include <memory>

#include "algebra.hpp"
#include "cycles.hpp"
#include "outlook.hpp"
#include "threads.hpp"
#include "windows.hpp"

namespace toposcope {

enum class Look { for_splits, for_first_split, for_loops };

// What one thread works with: its own copy of the graph, which holds the first `seen` edges of the present window.
struct Worker {
  explicit Worker(std::size_t n) : graph(n), at_hand(n) {}

  void catch_up(const std::vector<SortedEdge>& edges, std::size_t end) {
    constexpr std::size_t ahead = 8;
    for (; seen < end; ++seen) {
      if (seen + ahead < end) graph.prefetch(places_in(edges[seen + ahead]));
      graph.add(places_in(edges[seen]));
    }
  }

  Graph graph;
  LuneExplorer at_hand;
  std::size_t seen = 0;
};

// Adds the edges begin, ..., end - 1 of a window to a worker's graph and notes those whose lune is not simple. Ends behind
// the first of them when only that was looked for.
inline void sweep_run(const std::vector<SortedEdge>& edges, std::size_t begin, std::size_t end, Look look,
                      const Places& places, const Instructions& instructions, Worker& worker, Events& events) {
  worker.catch_up(edges, begin);
  Graph& graph = worker.graph;
  LuneExplorer& at_hand = worker.at_hand;
  const std::size_t words = graph.words();
  for (;;) {
    const std::size_t at =
        look == Look::for_loops
            ? instructions.next_loop(edges.data(), worker.seen, end, graph.data(), words, at_hand.lune.data(),
                                     at_hand.core.data(), at_hand.pending.data(), at_hand.link.data(),
                                     at_hand.rest.data())
            : instructions.next_split(edges.data(), worker.seen, end, graph.data(), words, at_hand.lune.data(),
                                      at_hand.rest.data());
    worker.seen = at;
    if (at == end) return;
    Event event{places.edge_at(places_in(edges[at])), static_cast<std::uint32_t>(events.roots.size()), 0,
                static_cast<std::uint32_t>(events.loops.size()), 0};
    if (!is_empty(at_hand.lune.data(), words)) {
      if (look == Look::for_loops) {
        at_hand.append_loops(graph, events.loops);
      } else {
        events.roots.push_back(lowest(at_hand.lune.data(), words));
        at_hand.lune.swap(at_hand.rest);
      }
      at_hand.append_components(graph, at_hand.lune, events.roots);
    }
    event.roots = static_cast<std::uint32_t>(events.roots.size()) - event.first_root;
    event.loops = static_cast<std::uint32_t>(events.loops.size()) - event.first_loop;
    events.name_vertices(event, places);
    if (event.roots != 1 || event.loops > 0) events.list.push_back(event);
    worker.catch_up(edges, at + 1);
    if (look == Look::for_first_split) return;
  }
}

// One sweep: window after window, stretch after stretch, by one thread or several. What threads find is taken in order,
// so the result does not know how many there were.
template <class Length>
class Sweep {
 public:
  Sweep(const Distances<Length>& distances, const Request& request, const Instructions& instructions,
        Interrupt& interrupt)
      : distances_(distances), request_(request), instructions_(instructions), interrupt_(interrupt),
        crew_(request.threads) {}

  Diagram<Length> run() {
    const std::size_t n = distances_.n;
    Diagram<Length> diagram;
    if (n > 0) look_over();
    for (unsigned t = 0; t < crew_.size(); ++t) workers_.push_back(std::make_unique<Worker>(n));
    Algebra<Length> algebra(distances_, places_, workers_[0]->graph, request_, diagram);
    if (n > 1) sweep(algebra, diagram.counts);
    algebra.finish();
    return diagram;
  }

 private:
  // Stops here if asked to. Only the calling thread looks; the others end when no task is left.
  void check(unsigned thread) {
    if (thread == 0) interrupt_.check();
  }

  void look_over() {
    constexpr std::size_t rows = 64;
    const std::size_t n = distances_.n;
    Overview<Length> overview(n);
    crew_.share((n + rows - 1) / rows, [&](std::size_t block, unsigned thread) {
      check(thread);
      for (std::size_t v = block * rows; v < std::min(n, (block + 1) * rows); ++v)
        overview.look_at(distances_, static_cast<Vertex>(v));
    });
    places_ = overview.places();
    longest_ = nearest_length<Length>(request_.threshold);
    if (!request_.to_the_end) longest_ = std::min(longest_, overview.enclosing_radius());
  }

  std::size_t edges_of_a_window() const {
    if (request_.window_edges) return request_.window_edges;
    return std::max<std::size_t>(1 << 16, distances_.n * (distances_.n - 1) / 2 / 20);
  }

  void sweep(Algebra<Length>& algebra, Counts& counts) {
    const std::size_t each = edges_of_a_window();
    Windows<Length> windows(distances_, places_, instructions_, crew_, window_ends(distances_, longest_, each), each,
                            interrupt_);
    while (windows.next()) {
      interrupt_.check();
      if (sweep_window(windows.edges(), windows.is_first(), algebra, counts)) return;
      if (is_over(algebra, std::nextafter(windows.high(), std::numeric_limits<Length>::infinity()))) return;
    }
  }

  // Whether nothing can happen after what was swept over.
  bool sweep_window(const std::vector<SortedEdge>& edges, bool is_first, Algebra<Length>& algebra, Counts& counts) {
    for (const auto& worker : workers_) worker->seen = 0;
    for (std::size_t at = 0; at < edges.size();) {
      const std::size_t begin = at;
      at = skip(edges, at, algebra);
      at = sweep_stretch(edges, at, look_now(algebra), algebra);
      counts.edges += at - begin;
      // One thread takes what it found at once; several leave it to the first of them, while the others go on.
      if (workers_.size() == 1 || at == edges.size() || at_rest(algebra)) take(edges, at, algebra);
      interrupt_.check();
      if (!is_first || at == edges.size()) look_ahead(algebra);
      if (at < edges.size() && is_over(algebra, length_of(edges[at]))) return true;
    }
    crew_.share(workers_.size(), [&](std::size_t t, unsigned) { workers_[t]->catch_up(edges, edges.size()); });
    return false;
  }

  // Sweeps over the next edges, no more than take a fraction of a second, after the algebra has taken what was found
  // before; returns where it ended.
  std::size_t sweep_stretch(const std::vector<SortedEdge>& edges, std::size_t begin, Look look,
                            Algebra<Length>& algebra) {
    const bool alone = crew_.size() == 1;
    const std::size_t few = look == Look::for_loops ? 256 : alone ? 4096 : 1024;
    const std::size_t slices = alone ? 1 : 32 * crew_.size();
    const std::size_t end = std::min(edges.size(), begin + slices * few);
    std::vector<Events> found(slices);
    crew_.share(
        (end - begin + few - 1) / few,
        [&](std::size_t slice, unsigned thread) {
          check(thread);
          const std::size_t start = begin + slice * few;
          sweep_run(edges, start, std::min(end, start + few), look, places_, instructions_, *workers_[thread],
                    found[slice]);
        },
        [&] { take(edges, begin, algebra); });
    events_ = std::move(found);
    if (look == Look::for_first_split) return workers_[0]->seen;
    return end;
  }

  // The algebra takes what was found before the edge at `end` and not taken yet. It reads the first worker's graph.
  void take(const std::vector<SortedEdge>& edges, std::size_t end, Algebra<Length>& algebra) {
    workers_[0]->catch_up(edges, end);
    for (const Events& found : events_) algebra.take(found, interrupt_);
    events_.clear();
  }

  // Loops of lunes matter while a void lives; as long as none does, the first split may bring one.
  Look look_now(const Algebra<Length>& algebra) const {
    if (request_.max_degree < 2) return Look::for_splits;
    if (algebra.living_voids() > 0 || request_.to_the_end || crew_.size() > 1) return Look::for_loops;
    return Look::for_first_split;
  }

  // Whether only empty lunes matter at present.
  bool at_rest(const Algebra<Length>& algebra) const {
    return !request_.to_the_end && request_.max_degree < 2 && algebra.living_loops() == 0;
  }

  // Looks ahead once; worth it when a good part of the edges is in.
  void look_ahead(const Algebra<Length>& algebra) {
    constexpr std::size_t rows = 16;
    if (outlook_.is_known() || !at_rest(algebra)) return;
    const std::size_t n = distances_.n;
    std::vector<LookAhead<Length>> parts(workers_.size(), {distances_, places_, workers_[0]->graph, instructions_, longest_});
    crew_.share((n + rows - 1) / rows, [&](std::size_t block, unsigned thread) {
      check(thread);
      for (std::size_t p = block * rows; p < std::min(n, (block + 1) * rows); ++p)
        parts[thread].look_from(static_cast<Vertex>(p));
    });
    std::vector<Length> lengths;
    for (const LookAhead<Length>& part : parts)
      lengths.insert(lengths.end(), part.lengths().begin(), part.lengths().end());
    outlook_.know(std::move(lengths));
  }

  // Whether nothing can happen from edges of this length on.
  bool is_over(const Algebra<Length>& algebra, Length length) const {
    return outlook_.is_known() && at_rest(algebra) && std::isinf(outlook_.next_empty(length));
  }

  // The position from `at` on where the sweep has to look at lunes again.
  std::size_t skip(const std::vector<SortedEdge>& edges, std::size_t at, const Algebra<Length>& algebra) const {
    if (!outlook_.is_known() || !at_rest(algebra)) return at;
    const Length next = outlook_.next_empty(length_of(edges[at]));
    const auto first = edges.begin() + static_cast<std::ptrdiff_t>(at);
    const auto shorter = [&](SortedEdge e) { return length_of(e) < next; };
    return static_cast<std::size_t>(std::partition_point(first, edges.end(), shorter) - edges.begin());
  }

  Length length_of(SortedEdge e) const { return distances_.length(places_.edge_at(places_in(e))); }

  const Distances<Length>& distances_;
  const Request& request_;
  const Instructions& instructions_;
  Interrupt& interrupt_;
  Length longest_ = 0;
  Places places_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Events> events_;  // of the slices of a stretch, not taken yet
  Outlook<Length> outlook_;
  Crew crew_;
};

// Degree 0 alone needs no sweep: the bars are the edges of the spanning forest.
template <class Length>
Diagram<Length> degree_zero(const Distances<Length>& distances, double threshold, Interrupt& interrupt) {
  Diagram<Length> diagram;
  Components components(distances.n);
  for (const Edge e : spanning_forest(distances, nearest_length<Length>(threshold), interrupt))
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
