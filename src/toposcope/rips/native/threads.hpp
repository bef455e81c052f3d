// Work shared by threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace toposcope {

// Threads that stay together for one computation: to start one takes as long as many of the tasks. The calling thread
// is number 0. A thread that cannot be had is not missed.
class Crew {
 public:
  explicit Crew(unsigned threads) : size_(threads) {
    try {
      for (unsigned thread = 1; thread < threads; ++thread) others_.emplace_back([this, thread] { serve(thread); });
    } catch (const std::system_error&) {
    } catch (const std::bad_alloc&) {
    }
  }

  ~Crew() {
    call(nullptr);
    for (std::thread& other : others_) other.join();
  }

  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  unsigned size() const { return size_; }

  // Calls work(task, thread) once for each task 0, 1, ..., tasks - 1, which threads take in order as they come free,
  // and rethrows what one threw. The calling thread calls `first` before it takes tasks.
  template <class Work, class First>
  void share(std::size_t tasks, Work work, First first) {
    std::atomic<std::size_t> next{0};
    std::vector<std::exception_ptr> failures(size_);
    const auto take_tasks = [&](unsigned thread) {
      try {
        if (thread == 0) first();
        for (std::size_t task = next++; task < tasks; task = next++) work(task, thread);
      } catch (...) {
        failures[thread] = std::current_exception();
        next = tasks;
      }
    };
    const bool alone = others_.empty() || tasks < 2;
    const std::function<void(unsigned)> job = std::ref(take_tasks);
    if (!alone) call(&job);
    take_tasks(0);
    if (!alone) wait([&] { return at_work_ == 0; });
    for (const std::exception_ptr& failure : failures)
      if (failure) std::rethrow_exception(failure);
  }

  template <class Work>
  void share(std::size_t tasks, Work work) {
    share(tasks, work, [] {});
  }

 private:
  // Gives the others a job; without one they go home.
  void call(const std::function<void(unsigned)>* job) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      job_ = job;
      at_work_ = others_.size();
      ++calls_;
    }
    news_.notify_all();
  }

  void serve(unsigned thread) {
    for (std::uint64_t served = 0;; ++served) {
      wait([&] { return calls_ > served; });
      if (!job_) return;
      (*job_)(thread);
      if (--at_work_ > 0) continue;
      { const std::lock_guard<std::mutex> lock(mutex_); }  // whoever waits has looked, or sleeps and hears of it
      news_.notify_all();
    }
  }

  // For a moment awake, since the next job is mostly near.
  template <class Condition>
  void wait(Condition holds) {
    constexpr int moment = 200;
    for (int looks = 0; looks < moment; ++looks) {
      if (holds()) return;
      std::this_thread::yield();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    news_.wait(lock, holds);
  }

  const unsigned size_;
  std::mutex mutex_;
  std::condition_variable news_;
  const std::function<void(unsigned)>* job_ = nullptr;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::size_t> at_work_{0};
  std::vector<std::thread> others_;
};

}  // namespace toposcope
