// Captured output of the reference, and how our tests compare with it.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "control/report.hpp"
#include "unit/vectors.hpp"

inline std::string golden(const std::string& name) {
  return weave::test::vector_text("http/" + name);
}

inline weave::control::Report golden_report(const std::string& directory) {
  return weave::control::from_json(golden(directory + "/report.json"));
}

inline std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}
