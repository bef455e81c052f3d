// The edges of a filtration in order, a window of lengths at a time, so that they are never all in memory.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "instructions.hpp"

namespace toposcope {

// An edge with the leading bits of its length above it: sorting these numbers sorts the edges, up to lengths that agree
// in those bits.
using SortedEdge = std::uint64_t;

inline Edge edge_in(SortedEdge item) { return edge_at(static_cast<std::uint32_t>(item)); }

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

// The largest Length that is not above a threshold, so that both compare alike; always finite.
template <class Length>
Length at_most(double threshold) {
  const Length limit = static_cast<Length>(std::min(threshold, static_cast<double>(std::numeric_limits<Length>::max())));
  return static_cast<double>(limit) > threshold ? std::nextafter(limit, Length{-1}) : limit;
}

// The longest edge that can matter in any degree: the enclosing radius min_v max_w d(v, w). Beyond it one vertex is
// joined to all, so every lune is a cone and nothing is born or dies (Bauer 2021, section 4). Never above `threshold`.
template <class Length>
Length longest_edge(const Distances<Length>& distances, double threshold) {
  Length radius = std::numeric_limits<Length>::infinity();
  for (Vertex v = 0; v < distances.n; ++v) {
    const Length* row = distances.row(v);
    std::array<Length, 16> farthest{};
    std::size_t w = 0;
    for (; w + 16 <= distances.n; w += 16)
      for (std::size_t k = 0; k < 16; ++k) farthest[k] = row[w + k] > farthest[k] ? row[w + k] : farthest[k];
    for (; w < distances.n; ++w) farthest[0] = std::max(farthest[0], row[w]);
    radius = std::min(radius, *std::max_element(farthest.begin(), farthest.end()));
  }
  return std::min(radius, at_most<Length>(threshold));
}

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
  void collect(const Distances<Length>& distances, const Instructions& instructions, Length low, Length high) {
    const std::size_t n = distances.n;
    const std::size_t words = words_for(n);
    row_.resize(words);
    edges_.clear();
    const std::uint64_t origin = low < 0 ? 0 : ordered_bits(low);
    const std::uint64_t span = ordered_bits(high) - origin;
    int shift = 0;
    while ((span >> shift) >> 32) ++shift;
    for (Vertex a = 0; a < n; ++a) {
      const Length* row = distances.row(a);
      instructions.entries_between(row, a + 1, n, low, high, row_.data());
      std::size_t at = edges_.size();
      edges_.resize(at + count(row_.data(), words));
      for_each(row_.data(), words, [&](Vertex b) {
        edges_[at++] = (((ordered_bits(row[b]) - origin) >> shift) << 32) | index_of(Edge{a, b});
      });
    }
    sort_by_leading_bits(span >> shift);
    if (shift > 0) sort_runs(distances);
  }

  const std::vector<SortedEdge>& edges() const { return edges_; }

 private:
  // Least significant digit first; edges come in lexicographic order, which a stable sort keeps among equals.
  void sort_by_leading_bits(std::uint64_t largest) {
    constexpr int digit = 11;
    if (edges_.size() < 256) {
      std::sort(edges_.begin(), edges_.end());
      return;
    }
    other_.resize(edges_.size());
    for (int shift = 32; shift < 64 && (largest >> (shift - 32)); shift += digit) {
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

  // Float64 lengths that agree in the leading bits, by the whole length.
  void sort_runs(const Distances<Length>& distances) {
    const auto earlier = [&](SortedEdge left, SortedEdge right) {
      return distances.earlier(edge_in(left), edge_in(right));
    };
    for (auto first = edges_.begin(); first != edges_.end();) {
      auto last = first + 1;
      while (last != edges_.end() && (*last >> 32) == (*first >> 32)) ++last;
      if (last - first > 1) std::sort(first, last, earlier);
      first = last;
    }
  }

  std::vector<SortedEdge> edges_;
  std::vector<SortedEdge> other_;
  std::vector<Word> row_;
};

}  // namespace toposcope
