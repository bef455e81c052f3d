// The edges of a filtration in order, a window of lengths at a time, so that they are never all in memory.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "instructions.hpp"

namespace toposcope {

// An edge as two places of the graph, with the leading bits of its length above them.
using SortedEdge = std::uint64_t;

inline Edge places_in(SortedEdge item) { return edge_at(static_cast<std::uint32_t>(item)); }

// The bits of a non-negative float, which order like the float.
inline std::uint64_t ordered_bits(float length) {
  length += 0.0f;  // -0 becomes 0
  std::uint32_t bits;
  std::memcpy(&bits, &length, sizeof bits);
  return bits;
}
inline std::uint64_t ordered_bits(double length) {
  length += 0.0;
  std::uint64_t bits;
  std::memcpy(&bits, &length, sizeof bits);
  return bits;
}

// A threshold as a length: the one nearest to it, so that a length that was rounded from the threshold itself is not above
// it; always finite.
template <class Length>
Length nearest_length(double threshold) {
  return static_cast<Length>(std::min(threshold, static_cast<double>(std::numeric_limits<Length>::max())));
}

// What one look at the whole matrix tells, vertex by vertex.
template <class Length>
struct Overview {
  std::vector<Length> farthest;  // distance of any other vertex
  std::vector<Length> sum;       // of all distances

  explicit Overview(std::size_t n) : farthest(n), sum(n) {}

  void look_at(const Distances<Length>& distances, Vertex v) {
    constexpr std::size_t lanes = 16;
    const Length* row = distances.row(v);
    std::array<Length, lanes> largest{};
    std::array<Length, lanes> total{};
    const auto take = [&](std::size_t k, Length length) {
      largest[k] = length > largest[k] ? length : largest[k];
      total[k] += length;
    };
    std::size_t w = 0;
    for (; w + lanes <= distances.n; w += lanes)
      for (std::size_t k = 0; k < lanes; ++k) take(k, row[w + k]);
    for (; w < distances.n; ++w) take(0, row[w]);
    farthest[v] = *std::max_element(largest.begin(), largest.end());
    sum[v] = std::accumulate(total.begin(), total.end(), Length{0});
  }

  // The longest edge that can matter in any degree: the enclosing radius min_v max_w d(v, w). Beyond it one vertex is
  // joined to all, so every lune is a cone and nothing is born or dies (Bauer 2021, section 4).
  Length enclosing_radius() const { return *std::min_element(farthest.begin(), farthest.end()); }

  Places places() const {
    Places places{std::vector<Vertex>(sum.size()), std::vector<Vertex>(sum.size())};
    std::iota(places.vertex_at.begin(), places.vertex_at.end(), Vertex{0});
    std::stable_sort(places.vertex_at.begin(), places.vertex_at.end(), [&](Vertex x, Vertex y) { return sum[x] < sum[y]; });
    for (Vertex p = 0; p < sum.size(); ++p) places.place_of[places.vertex_at[p]] = p;
    return places;
  }
};

// Cuts the range of lengths into windows of about `edges_each` edges, from a sample of the matrix: the ascending upper
// ends, the last of which is `longest`.
template <class Length>
std::vector<Length> window_ends(const Distances<Length>& distances, Length longest, std::size_t edges_each) {
  const std::size_t n = distances.n;
  const std::size_t edges = n * (n - 1) / 2;
  const std::size_t stride = std::max<std::size_t>(1, edges / 4096);
  std::vector<Length> sample;
  std::size_t skip = 0;
  for (Vertex a = 0; a + 1 < n; ++a) {
    const Length* row = distances.row(a) + a + 1;
    const std::size_t count = n - 1 - a;
    std::size_t at = skip;
    for (; at < count; at += stride)
      if (row[at] <= longest) sample.push_back(row[at]);
    skip = at - count;
  }
  std::sort(sample.begin(), sample.end());
  std::vector<Length> ends;
  const std::size_t step = std::max<std::size_t>(1, edges_each / stride);
  for (std::size_t at = step; at < sample.size(); at += step)
    if (sample[at] < longest && (ends.empty() || sample[at] > ends.back())) ends.push_back(sample[at]);
  ends.push_back(longest);
  return ends;
}

// One window: the edges with low < length <= high, sorted by the total order.
template <class Length>
class Window {
 public:
  // Fills the window. Memory: 16 bytes an edge.
  void collect(const Distances<Length>& distances, const Places& places, const Instructions& instructions, Length low,
               Length high) {
    const std::size_t n = distances.n;
    const std::size_t words = words_for(n);
    row_.resize(words);
    const std::uint64_t origin = low < 0 ? 0 : ordered_bits(low);
    const std::uint64_t span = ordered_bits(high) - origin;
    int shift = 0;
    while ((span >> shift) >> 32) ++shift;
    std::size_t edges = 0;
    std::uint64_t least = span >> shift;
    for (Vertex a = 0; a + 1 < n; ++a) {
      const Length* row = distances.row(a);
      instructions.entries_between(row, a + 1, n, low, high, row_.data());
      if (edges_.size() < edges + n) edges_.resize(edges + n);
      for_each(row_.data(), words, [&](Vertex b) {
        const std::uint64_t leading = (ordered_bits(row[b]) - origin) >> shift;
        least = std::min(least, leading);
        edges_[edges++] = (leading << 32) | index_of(places.pair(a, b));
      });
    }
    edges_.resize(edges);
    int unsorted = 32;  // bits below those that the digits hold
    while (((span >> shift) - least) >> (unsorted - 32) >> (2 * digit)) ++unsorted;
    for (SortedEdge& e : edges_) e -= least << 32;
    sort_by_digits(unsorted);
    const auto longer_bits = [](SortedEdge left, SortedEdge right) { return (left >> 32) < (right >> 32); };
    if (shift == 0)
      sort_runs(unsorted, longer_bits);
    else
      sort_runs(unsorted, [&](SortedEdge left, SortedEdge right) {
        return distances.earlier(places.edge_at(places_in(left)), places.edge_at(places_in(right)));
      });
  }

  const std::vector<SortedEdge>& edges() const { return edges_; }

 private:
  static constexpr int digit = 11;

  // By two digits, the lower one first. Edges come in lexicographic order of vertices, which a stable sort keeps.
  void sort_by_digits(int lowest) {
    other_.resize(edges_.size());
    for (const int shift : {lowest, lowest + digit}) {
      std::array<std::uint32_t, 1 << digit> start{};
      for (const SortedEdge e : edges_) ++start[(e >> shift) & ((1 << digit) - 1)];
      std::uint32_t total = 0;
      for (std::uint32_t& count : start) {
        const std::uint32_t here = count;
        count = total;
        total += here;
      }
      for (const SortedEdge e : edges_) other_[start[(e >> shift) & ((1 << digit) - 1)]++] = e;
      edges_.swap(other_);
    }
  }

  // What agrees in all bits from `lowest` on, by the whole length.
  template <class Earlier>
  void sort_runs(int lowest, Earlier earlier) {
    for (auto first = edges_.begin(); first != edges_.end();) {
      auto last = first + 1;
      while (last != edges_.end() && (*last >> lowest) == (*first >> lowest)) ++last;
      if (last - first > 1 && !std::is_sorted(first, last, earlier)) std::stable_sort(first, last, earlier);
      first = last;
    }
  }

  std::vector<SortedEdge> edges_;
  std::vector<SortedEdge> other_;
  std::vector<Word> row_;
};

}  // namespace toposcope
