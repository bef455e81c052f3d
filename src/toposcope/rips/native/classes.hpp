// Homology classes that are born, live as a basis, and die by becoming a sum of older ones.
//
// This is the annotation of Boissonnat, Dey and Maria (2015) seen from its basis: a cocycle per living class. A relation
// kills the youngest class in it (the elder rule), which from then on stands for the rest of the relation. Nothing is
// rewritten when that happens; a combination is brought up to date when it is next read.
#pragma once

#include <algorithm>
#include <utility>

#include "common.hpp"

namespace toposcope {

using Class = std::uint32_t;            // numbered in order of birth
using Combination = std::vector<Class>;  // a sum over Z/2: ascending, no class twice

// left += right; `scratch` keeps its memory between calls.
inline void add(Combination& left, const Combination& right, Combination& scratch) {
  if (right.empty()) return;
  scratch.clear();
  std::set_symmetric_difference(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(scratch));
  left.swap(scratch);
}

class Classes {
 public:
  Class open() {
    became_.emplace_back();
    living_.push_back(true);
    ++living_count_;
    return static_cast<Class>(living_.size() - 1);
  }

  std::size_t living_count() const { return living_count_; }
  std::size_t size() const { return living_.size(); }
  bool is_living(Class c) const { return living_[c]; }

  // The oldest living class; size() if none lives.
  Class oldest() {
    while (oldest_ < living_.size() && !living_[oldest_]) ++oldest_;
    return static_cast<Class>(oldest_);
  }

  // Rewrites a combination in the living classes.
  void update(Combination& sum) {
    for (;;) {
      const auto dead = std::find_if(sum.rbegin(), sum.rend(), [&](Class c) { return !living_[c]; });
      if (dead == sum.rend()) return;
      const Class c = *dead;
      refresh(became_[c]);
      sum.erase(std::next(dead).base());
      add(sum, became_[c], scratch_);
    }
  }

  // Imposes sum = 0, for a non-zero sum of living classes. Returns the class that dies of it.
  Class close(Combination sum) {
    const Class youngest = sum.back();
    sum.pop_back();
    became_[youngest] = std::move(sum);
    living_[youngest] = false;
    --living_count_;
    return youngest;
  }

 private:
  // As `update`, for what a dead class became, which is then short for everyone who reads it next.
  void refresh(Combination& sum) {
    for (;;) {
      const auto dead = std::find_if(sum.rbegin(), sum.rend(), [&](Class c) { return !living_[c]; });
      if (dead == sum.rend()) return;
      const Class c = *dead;
      sum.erase(std::next(dead).base());
      add(sum, became_[c], scratch_);
    }
  }

  std::vector<Combination> became_;
  std::vector<bool> living_;
  std::size_t living_count_ = 0;
  std::size_t oldest_ = 0;
  Combination scratch_;
};

// A table from simplices to combinations: open addressing, no deletion. Zero and single classes take no extra memory.
template <class Key>
class CombinationTable {
 public:
  CombinationTable() { clear(); }

  void clear() {
    entries_.assign(1024, Entry{});
    sums_.clear();
    used_ = 0;
  }

  bool contains(Key key) const { return entries_[slot(key)].key == key; }
  std::size_t size() const { return used_; }

  void put(Key key, const Combination& sum) {
    if (2 * (used_ + 1) > entries_.size()) grow();
    Entry& entry = entries_[slot(key)];
    if (entry.key != key) {
      entry.key = key;
      ++used_;
    }
    entry.value = encode(sum);
  }

  // sum += the combination of `key`, which is brought up to date; false when the key is not in the table.
  bool add_to(Key key, Combination& sum, Classes& classes, Combination& scratch) {
    Entry& entry = entries_[slot(key)];
    if (entry.key != key) return false;
    if (entry.value == 0) return true;
    if (entry.value & 1) {
      single_.assign(1, entry.value >> 1);
      if (!classes.is_living(single_[0])) {
        classes.update(single_);
        entry.value = encode(single_);
      }
      add(sum, single_, scratch);
      return true;
    }
    Combination& stored = sums_[(entry.value >> 1) - 1];
    classes.update(stored);
    add(sum, stored, scratch);
    if (stored.empty()) entry.value = 0;
    return true;
  }

 private:
  // No simplex has the key 0. The value is 0 for zero, odd for one class, even for a place in sums_.
  struct Entry {
    Key key = 0;
    std::uint32_t value = 0;
  };

  std::uint32_t encode(const Combination& sum) {
    if (sum.empty()) return 0;
    if (sum.size() == 1) return (sum[0] << 1) | 1;
    sums_.push_back(sum);
    return static_cast<std::uint32_t>(sums_.size() << 1);
  }

  std::size_t slot(Key key) const {
    const std::size_t mask = entries_.size() - 1;
    std::size_t at = static_cast<std::size_t>((static_cast<std::uint64_t>(key) * 0x9e3779b97f4a7c15ull) >> 20) & mask;
    while (entries_[at].key != 0 && entries_[at].key != key) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Entry> before(entries_.size() * 2);
    before.swap(entries_);
    for (const Entry& entry : before)
      if (entry.key != 0) entries_[slot(entry.key)] = entry;
  }

  std::vector<Entry> entries_;
  std::vector<Combination> sums_;
  std::size_t used_ = 0;
  Combination single_;
};

}  // namespace toposcope
