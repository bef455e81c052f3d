// Many pairs at once. Each is computed by one thread alone, so the numbers don't depend on how many there are.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "common.hpp"

namespace toposcope {

// Stops a worker when the calling thread was asked to.
class Stopped : public Interrupt {
 public:
  explicit Stopped(const std::atomic<bool>& stop) : stop_(stop) {}
  void check() override {
    if (stop_.load(std::memory_order_relaxed)) throw Interrupted();
  }

 private:
  const std::atomic<bool>& stop_;
};

// Calls measure(k, interrupt) for k < count; the calling thread works too, and asks `interrupt` as it goes.
// done counts what is finished.
template <class Measure>
void for_each_pair(std::size_t count, unsigned threads, Interrupt& interrupt, std::atomic<std::size_t>& done,
                   Measure measure) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::exception_ptr failure;
  std::mutex failing;
  const auto work = [&](Interrupt& own) {
    try {
      for (std::size_t k; !stop.load(std::memory_order_relaxed) && (k = next.fetch_add(1)) < count;) {
        own.check();
        measure(k, own);
        done.fetch_add(1, std::memory_order_relaxed);
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(failing);
      if (!failure) failure = std::current_exception();
      stop = true;
    }
  };
  std::vector<std::thread> others;
  try {
    for (unsigned t = 1; t < threads && t < count; ++t)
      others.emplace_back([&] {
        Stopped stopped(stop);
        work(stopped);
      });
  } catch (const std::system_error&) {
    // No more threads to be had: fewer do the same.
  }
  work(interrupt);
  for (std::thread& other : others) other.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace toposcope
