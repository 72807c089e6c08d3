// The syntax tree of a template and its parser; private to this library.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "template/json_text.hpp"
#include "template/template.hpp"

namespace weave::gotemplate::syntax {

struct Pipeline;

struct Operand {
  enum Kind { kDot, kVariable, kLiteral, kPipeline, kFunction } kind = kDot;
  std::string name;                    // of the variable ("$", "$x") or function
  Json literal;                        // of a literal
  std::shared_ptr<Pipeline> pipeline;  // in parentheses
  std::vector<std::string> fields;     // .A.B behind it
};

using Command = std::vector<Operand>;  // the first one applied to the others

struct Pipeline {
  std::vector<std::string> declared;  // variables set by it: none, one, or two (range)
  bool assign = false;                // = instead of :=
  std::vector<Command> commands;
};

struct Node {
  enum Kind { kText, kAction, kIf, kRange, kWith, kBreak, kContinue } kind = kText;
  std::string text;
  Pipeline pipeline;
  std::vector<Node> body, otherwise;
};

// Throws TemplateError(400) with Go's "template: format:<line>: <what>".
std::vector<Node> parse(std::string_view text);

}  // namespace weave::gotemplate::syntax
