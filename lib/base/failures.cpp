#include "base/failures.hpp"

#include <fmt/ranges.h>

namespace weave {

std::string Failures::text() const {
  return fmt::format("{}", fmt::join(texts_, "; "));
}

void Failures::throw_if_any() const {
  if (!texts_.empty()) throw Error(text());
}

}  // namespace weave
