// Clean-up that continues after a failure, and reports all failures at its end.
//
//   Failures failures;
//   failures.attempt([&] { remove_this(); });
//   failures.attempt([&] { remove_that(); });
//   failures.throw_if_any();
#pragma once
#include <exception>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace weave {

class Failures {
 public:
  // Runs the work; what it throws is kept. Returns whether it succeeded.
  template <class Work>
  bool attempt(Work&& work) {
    try {
      work();
      return true;
    } catch (const std::exception& error) {
      texts_.emplace_back(error.what());
      return false;
    }
  }
  bool empty() const { return texts_.empty(); }
  // In the order in which they happened.
  const std::vector<std::string>& texts() const { return texts_; }
  // All texts, separated by "; ".
  std::string text() const;
  // Throws one Error with all texts.
  void throw_if_any() const;

 private:
  std::vector<std::string> texts_;
};

}  // namespace weave
