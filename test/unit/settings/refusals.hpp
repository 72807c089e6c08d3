// What an error says.
#pragma once
#include <string>

#include "base/error.hpp"

namespace weave::settings {

struct Refusal {
  std::string message, hint;
};

// Of the error that the call throws; empty when it throws none.
template <class Call>
Refusal refusal_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.what(), error.hint()};
  }
  return {};
}

}  // namespace weave::settings
