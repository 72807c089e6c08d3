// Running a template over a value.
#include "template/template.hpp"

#include "template/syntax.hpp"
#include "template/value.hpp"

namespace weave::gotemplate {
namespace {

using syntax::Node;
using syntax::Operand;
using syntax::Pipeline;

// Nested loops over a large value could run for hours without printing anything.
constexpr size_t kMaxSteps = 1'000'000;

class Machine {
 public:
  Machine(const Json& root, const Hooks& hooks) : root_{.json = &root, .hooks = &hooks} {}

  std::string run(const std::vector<Node>& nodes) {
    walk(nodes, root_);
    return std::move(out_);
  }

 private:
  enum Flow { kOn, kBreak, kContinue };

  void step() {
    if (++steps_ > kMaxSteps) fail_execution("too many steps");
  }
  void emit(std::string_view text) {
    if (out_.size() + text.size() > kMaxOutput) fail_execution("output longer than 16 MiB");
    out_ += text;
  }

  Flow walk(const std::vector<Node>& nodes, const Value& dot) {
    for (const auto& node : nodes) {
      step();
      auto flow = kOn;
      switch (node.kind) {
        case Node::kText:
          emit(node.text);
          break;
        case Node::kAction: {
          auto value = evaluate(node.pipeline, dot);
          if (node.pipeline.declared.empty()) emit(printed(value));
          break;
        }
        case Node::kIf:
        case Node::kWith: {
          auto outer = variables_.size();
          auto value = evaluate(node.pipeline, dot);
          if (truth(value))
            flow = walk(node.body, node.kind == Node::kWith ? value : dot);
          else
            flow = walk(node.otherwise, dot);
          variables_.resize(outer);
          break;
        }
        case Node::kRange:
          flow = range(node, dot);
          break;
        case Node::kBreak:
          return kBreak;
        case Node::kContinue:
          return kContinue;
      }
      if (flow != kOn) return flow;
    }
    return kOn;
  }

  Flow range(const Node& node, const Value& dot) {
    auto outer = variables_.size();
    auto plain = node.pipeline;
    plain.declared.clear();
    auto over = evaluate(plain, dot);
    std::vector<std::pair<Value, Value>> items;
    if (over.json->is_array()) {
      for (size_t i = 0; i < over.json->size(); ++i)
        items.emplace_back(Value::of(i), over.part((*over.json)[i], over.free_map));
    } else if (over.json->is_object() && over.free_map) {
      std::map<std::string, const Json*> sorted;
      for (const auto& [key, value] : over.json->items()) sorted[key] = &value;
      for (const auto& [key, value] : sorted) items.emplace_back(Value::of(key), over.part(*value, true));
    } else if (!over.json->is_null()) {
      fail_execution("range can't iterate over " + printed(over));
    }
    Flow flow = kOn;
    if (items.empty()) flow = walk(node.otherwise, dot);
    const auto& names = node.pipeline.declared;
    for (const auto& [index, item] : items) {
      step();
      auto before = variables_.size();
      if (!names.empty()) set(names.back(), item, node.pipeline.assign);
      if (names.size() == 2) set(names.front(), index, node.pipeline.assign);
      auto inner = walk(node.body, item);
      variables_.resize(before);
      if (inner == kBreak) break;
    }
    variables_.resize(outer);
    return flow;
  }

  void set(const std::string& name, const Value& value, bool assign) {
    if (!assign) {
      variables_.emplace_back(name, value);
      return;
    }
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it)
      if (it->first == name) {
        it->second = value;
        return;
      }
    fail_execution("undefined variable " + name);
  }

  Value variable(const std::string& name) const {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it)
      if (it->first == name) return it->second;
    if (name != "$") fail_execution("undefined variable " + name);
    return root_;
  }

  Value evaluate(const Pipeline& pipeline, const Value& dot) {
    std::optional<Value> value;
    for (const auto& command : pipeline.commands) {
      step();
      std::vector<Value> args;
      const auto& first = command.front();
      if (first.kind != Operand::kFunction) {
        if (command.size() > 1 || value) fail_execution("can't give argument to non-function");
        value = operand(first, dot);
        continue;
      }
      // and, or stop at the first operand that decides.
      bool decides = first.name == "and" || first.name == "or";
      for (size_t i = 1; i < command.size(); ++i) {
        args.push_back(operand(command[i], dot));
        if (decides && truth(args.back()) == (first.name == "or")) break;
      }
      if (value) args.push_back(*value);
      value = call_function(first.name, args);
    }
    if (!pipeline.declared.empty()) set(pipeline.declared.front(), *value, pipeline.assign);
    return *value;
  }

  Value operand(const Operand& operand, const Value& dot) {
    Value value;
    switch (operand.kind) {
      case Operand::kDot:
        value = dot;
        break;
      case Operand::kVariable:
        value = variable(operand.name);
        break;
      case Operand::kLiteral:
        value.json = &operand.literal;
        break;
      case Operand::kPipeline:
        value = evaluate(*operand.pipeline, dot);
        break;
      case Operand::kFunction:
        value = call_function(operand.name, {});
        break;
    }
    for (const auto& field : operand.fields) value = field_of(value, field);
    return value;
  }

  Value root_;
  std::vector<std::pair<std::string, Value>> variables_;
  std::string out_;
  size_t steps_ = 0;
};

}  // namespace

std::string render(std::string_view text, const Json& value, const Hooks& hooks) {
  auto nodes = syntax::parse(text);
  return Machine(value, hooks).run(nodes);
}

}  // namespace weave::gotemplate
