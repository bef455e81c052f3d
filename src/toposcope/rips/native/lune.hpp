// What a lune looks like when it is not simple: its components, and loops that generate its H1.
#pragma once

#include "loops.hpp"

namespace toposcope {

// In places of the graph: closed walks u_0, ..., u_m, back to u_0, one after the other.
struct Loops {
  std::vector<Vertex> vertices;
  std::vector<std::uint32_t> ends;  // of every loop in `vertices`

  std::size_t size() const { return ends.size(); }
  const Vertex* begin(std::size_t k) const { return vertices.data() + (k == 0 ? 0 : ends[k - 1]); }
  const Vertex* end(std::size_t k) const { return vertices.data() + ends[k]; }
  void clear() {
    vertices.clear();
    ends.clear();
  }
};

// Looks at lunes of one graph; holds the scratch sets for it. One per thread.
class LuneExplorer {
 public:
  explicit LuneExplorer(std::size_t n)
      : lune(words_for(n)), core(words_for(n)), pending(words_for(n)), link(words_for(n)), rest(words_for(n)),
        reached_(words_for(n)), came_from_(n) {}

  std::vector<Word> lune, core, pending, link, rest;

  // The lowest vertex of every component of a set, ascending. Uses the set up.
  void append_components(const Graph& graph, std::vector<Word>& set, std::vector<Vertex>& roots) {
    for (bool all = false; !all; set.swap(rest)) {
      roots.push_back(lowest(set.data(), graph.words()));
      all = loops::is_connected(graph.data(), graph.words(), set.data(), rest.data());
    }
  }

  // Loops whose classes generate H1 of the flag complex on `lune`, given the `core` and `pending` that has_no_loops left.
  //
  // Vertices are glued on one after the other. One whose link has m components adds m - 1 loops: from the vertex into
  // one component, through what is there already to another, and back. Every other class comes from before
  // (Mayer-Vietoris again), so these loops generate; some may bound, which costs time and nothing else.
  void append_loops(const Graph& graph, Loops& loops) {
    const std::size_t words = graph.words();
    for (;;) {
      Vertex v = next_to_glue(graph);
      if (v == no_vertex) {
        // Nothing touches the core: another component of the lune starts, again with a cone.
        v = lowest(pending.data(), words);
        if (v == no_vertex) return;
        for (std::size_t w = 0; w < words; ++w) core[w] = pending[w] & graph.row(v)[w];
        for (std::size_t w = 0; w < words; ++w) pending[w] &= ~core[w];
        continue;
      }
      for (std::size_t w = 0; w < words; ++w) link[w] = graph.row(v)[w] & core[w];
      ends_.clear();
      append_components(graph, link, ends_);
      for (std::size_t k = 1; k < ends_.size(); ++k) {
        loops.vertices.push_back(v);
        append_path(graph, ends_[0], ends_[k], loops.vertices);
        loops.ends.push_back(static_cast<std::uint32_t>(loops.vertices.size()));
      }
      insert(core.data(), v);
      erase(pending.data(), v);
    }
  }

 private:
  // A pending vertex to glue on next: with a connected link if there is one, else any with a link; no_vertex if none.
  Vertex next_to_glue(const Graph& graph) {
    const std::size_t words = graph.words();
    Vertex any = no_vertex;
    Vertex simple = no_vertex;
    for_each(pending.data(), words, [&](Vertex v) {
      if (simple != no_vertex) return;
      bool meets = false;
      for (std::size_t w = 0; w < words; ++w) meets |= (link[w] = graph.row(v)[w] & core[w]) != 0;
      if (!meets) return;
      if (any == no_vertex) any = v;
      ends_.clear();
      append_components(graph, link, ends_);
      if (ends_.size() == 1) simple = v;
    });
    return simple != no_vertex ? simple : any;
  }

  // A shortest path inside the core, ends included.
  void append_path(const Graph& graph, Vertex from, Vertex to, std::vector<Vertex>& out) {
    const std::size_t words = graph.words();
    std::vector<Word>& unseen = rest;
    unseen = core;
    erase(unseen.data(), to);
    queue_.assign(1, to);
    for (std::size_t head = 0; head < queue_.size(); ++head) {
      const Vertex v = queue_[head];
      if (v == from) break;
      for (std::size_t w = 0; w < words; ++w) reached_[w] = graph.row(v)[w] & unseen[w];
      for (std::size_t w = 0; w < words; ++w) unseen[w] &= ~reached_[w];
      for_each(reached_.data(), words, [&](Vertex u) {
        came_from_[u] = v;
        queue_.push_back(u);
      });
    }
    for (Vertex v = from; v != to; v = came_from_[v]) out.push_back(v);
    out.push_back(to);
  }

  std::vector<Word> reached_;
  std::vector<Vertex> came_from_;
  std::vector<Vertex> queue_;
  std::vector<Vertex> ends_;
};

}  // namespace toposcope
