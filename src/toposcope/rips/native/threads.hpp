// Work shared by threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace toposcope {

// Calls work(task, thread) once for each task 0, 1, ..., tasks - 1, which threads take in order as they come free, and
// rethrows what one threw. The calling thread is number 0. A thread that cannot be had is not missed.
template <class Work>
void share(unsigned threads, std::size_t tasks, Work work) {
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> failures(threads);
  const auto take_tasks = [&](unsigned thread) {
    try {
      for (std::size_t task = next++; task < tasks; task = next++) work(task, thread);
    } catch (...) {
      failures[thread] = std::current_exception();
      next = tasks;
    }
  };
  std::vector<std::thread> others;
  others.reserve(threads);
  try {
    while (others.size() + 1 < std::min<std::size_t>(threads, tasks))
      others.emplace_back(take_tasks, static_cast<unsigned>(others.size() + 1));
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  take_tasks(0);
  for (std::thread& other : others) other.join();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace toposcope
