// Degree 2: which living void classes a triangle carries.
//
// A cocycle φ on triangles is extended when an edge xy enters. For an edge uv of its lune the tetrahedron xyuv says
// φ(xyu) + φ(xyv) = φ(xuv) + φ(yuv), and both triangles on the right are older. So along a path in the lune from z to
// the root of its component, the lowest vertex r,
//   φ(xyz) = φ(xyr) + Σ over the path's edges uv of φ(xuv) + φ(yuv).
// At roots φ is free: 0 for the first component, and for every other one that did not kill a loop a new class. That φ is
// the same along every path is what fails at a loop of the lune: the sum around it is a relation, and it kills a class.
//
// As in degree 1, triangles are unfolded when a relation asks for them, and remembered.
#pragma once

#include <array>
#include <unordered_map>

#include "edge_annotation.hpp"

namespace toposcope {

struct Triangle {
  std::array<Vertex, 3> corners;  // ascending
};

inline Triangle triangle_of(Vertex x, Vertex y, Vertex z) {
  if (x > y) std::swap(x, y);
  if (y > z) std::swap(y, z);
  if (x > y) std::swap(x, y);
  return {{x, y, z}};
}

inline std::uint64_t index_of(const Triangle& t) {
  return (static_cast<std::uint64_t>(t.corners[0]) << 32) | (t.corners[1] << 16) | t.corners[2];
}

template <class Length>
class TriangleAnnotation {
 public:
  TriangleAnnotation(const Distances<Length>& distances, const EdgeAnnotation<Length>& edges)
      : distances_(distances), edges_(edges) {}

  Classes& classes() { return classes_; }
  const Classes& classes() const { return classes_; }
  Edge birth_edge(Class c) const { return births_[c].edge; }
  Vertex birth_root(Class c) const { return births_[c].root; }

  // An edge whose lune has several components, by their roots.
  void add_split(Edge e, const Vertex* roots, std::size_t count) {
    split_[index_of(e)] = {static_cast<std::uint32_t>(roots_.size()), static_cast<std::uint32_t>(count)};
    roots_.insert(roots_.end(), roots, roots + count);
  }

  // The component of this root, in the lune of e, gives birth to a void.
  void open(Edge e, Vertex root) {
    const Class c = classes_.open();
    births_.push_back({e, root});
    table_.put(index_of(triangle_of(e.a, e.b, root)), {c});
  }

  // sum += the class of a triangle of earlier edges, in living classes.
  void add_triangle(const Triangle& t, Combination& sum) {
    if (read(t, sum)) return;
    unfold(t);
    read(t, sum);
  }

  void forget_beyond(std::size_t most) {
    if (table_.size() <= most + births_.size()) return;
    table_.clear();
    for (Class c = 0; c < births_.size(); ++c)
      table_.put(index_of(triangle_of(births_[c].edge.a, births_[c].edge.b, births_[c].root)), {c});
  }

 private:
  struct Birth {
    Edge edge;
    Vertex root;
  };
  struct Roots {
    std::uint32_t first;
    std::uint32_t count;
  };
  struct Unfolding {
    Triangle triangle;
    std::size_t first_child;
    std::size_t next_child;
  };

  // The edge that brought the triangle, and the corner in its lune.
  std::pair<Edge, Vertex> last_edge(const Triangle& t) const {
    const auto [x, y, z] = t.corners;
    std::pair<Edge, Vertex> last{{x, y}, z};
    if (distances_.earlier(last.first, {x, z})) last = {{x, z}, y};
    if (distances_.earlier(last.first, {y, z})) last = {{y, z}, x};
    return last;
  }

  bool carries_nothing(const Triangle& t) {
    const Class oldest = classes_.oldest();
    if (oldest == classes_.size()) return true;
    const Edge birth = births_[oldest].edge;
    const auto [x, y, z] = t.corners;
    return distances_.earlier({x, y}, birth) && distances_.earlier({x, z}, birth) && distances_.earlier({y, z}, birth);
  }

  bool known(const Triangle& t) {
    return table_.contains(index_of(t)) || carries_nothing(t);
  }

  // sum += the class of t, if it is known; whether it is.
  bool read(const Triangle& t, Combination& sum) {
    return table_.add_to(index_of(t), sum, classes_, scratch_) || carries_nothing(t);
  }

  void unfold(const Triangle& t) {
    children_.clear();
    pending_.clear();
    push(t);
    while (!pending_.empty()) {
      Unfolding& top = pending_.back();
      while (top.next_child < children_.size() && known(children_[top.next_child])) ++top.next_child;
      if (top.next_child < children_.size()) {
        push(Triangle(children_[top.next_child]));
        continue;
      }
      sum_.clear();
      for (std::size_t k = top.first_child; k < children_.size(); ++k) read(children_[k], sum_);
      table_.put(index_of(top.triangle), sum_);
      children_.resize(top.first_child);
      pending_.pop_back();
    }
  }

  void push(const Triangle& t) {
    const auto [e, z] = last_edge(t);
    const std::size_t first = children_.size();
    find_path(e, z);
    if (path_.size() > 1) children_.push_back(triangle_of(e.a, e.b, path_.back()));
    for (std::size_t k = 0; k + 1 < path_.size(); ++k) {
      children_.push_back(triangle_of(e.a, path_[k], path_[k + 1]));
      children_.push_back(triangle_of(e.b, path_[k], path_[k + 1]));
    }
    pending_.push_back({t, first, first});
  }

  // path_: from z to the root of its component in the lune of e, by edges earlier than e.
  void find_path(Edge e, Vertex z) {
    const auto split = split_.find(index_of(e));
    Vertex only = no_vertex;
    const Vertex* roots = &only;
    std::size_t count = 1;
    if (split == split_.end())
      only = edges_.apex(e);
    else {
      roots = roots_.data() + split->second.first;
      count = split->second.count;
    }
    path_.assign(1, z);
    const auto joined = [&](Vertex u, Vertex v) { return distances_.earlier(edge_of(u, v), e); };
    for (std::size_t k = 0; k < count; ++k)
      if (roots[k] == z) return;
    for (std::size_t k = 0; k < count; ++k) {
      if (!joined(z, roots[k])) continue;
      path_.push_back(roots[k]);
      return;
    }
    // Breadth first, over the vertices of the lune.
    inside_.clear();
    for (Vertex v = 0; v < distances_.n; ++v)
      if (v != z && distances_.in_lune(v, e)) inside_.push_back(v);
    const auto is_root = [&](Vertex v) { return std::find(roots, roots + count, v) != roots + count; };
    queue_.assign(1, {z, 0});
    for (std::size_t head = 0;; ++head) {
      if (head == queue_.size()) throw std::logic_error("the matrix of distances is not symmetric");
      const Vertex v = queue_[head].first;
      if (is_root(v)) {
        path_.clear();
        for (std::size_t at = head; at != 0; at = queue_[at].second) path_.push_back(queue_[at].first);
        path_.push_back(z);
        std::reverse(path_.begin(), path_.end());
        return;
      }
      std::size_t kept = 0;
      for (const Vertex u : inside_) {
        if (joined(u, v))
          queue_.push_back({u, head});
        else
          inside_[kept++] = u;
      }
      inside_.resize(kept);
    }
  }

  const Distances<Length>& distances_;
  const EdgeAnnotation<Length>& edges_;
  Classes classes_;
  std::vector<Birth> births_;
  std::unordered_map<std::uint32_t, Roots> split_;
  std::vector<Vertex> roots_;
  CombinationTable<std::uint64_t> table_;  // of generators, and of what was unfolded
  std::vector<Unfolding> pending_;
  std::vector<Triangle> children_;
  std::vector<Vertex> path_;
  std::vector<Vertex> inside_;
  std::vector<std::pair<Vertex, std::size_t>> queue_;
  Combination sum_;
  Combination scratch_;
};

}  // namespace toposcope
